#include "proxy/log/log_text.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <random>

using namespace trunkline::proxy;
using namespace std::string_literals;

static std::string as_json(std::string_view value) {
    std::string out;
    append_json_string(out, value);
    return out;
}

static std::string as_text(std::string_view value) {
    std::string out;
    append_text_value(out, value);
    return out;
}

TEST_CASE("log_text: what is escaped, and how", "[proxy][log]") {
    struct Row {
        std::string name, value, json, text;
    };
    const auto row = GENERATE(values<Row>({
        {"plain", "tcp://10.0.0.5:7000", R"("tcp://10.0.0.5:7000")", "tcp://10.0.0.5:7000"},
        {"empty", "", R"("")", R"("")"},
        {"space", "a b", R"("a b")", R"("a b")"},
        {"poses as a field", "x level=error", R"("x level=error")", R"("x level=error")"},
        {"quotes", R"(say "no")", R"("say \"no\"")", R"("say \"no\"")"},
        {"backslash", R"(a\b)", R"("a\\b")", R"("a\\b")"},
        {"line ends", "a\nb\rc\td", R"("a\u000ab\u000dc\u0009d")", R"("a\nb\rc\td")"},
        {"zero byte", "a\0b"s, R"("a\u0000b")", R"("a\u0000b")"},
        {"terminal escape", "\x1b[2J", R"("\u001b[2J")", R"("\u001b[2J")"},
        {"delete", "\x7f", R"("\u007f")", R"("\u007f")"},
        {"C1 control", "\xc2\x9b", R"("\u009b")", R"("\u009b")"},
        {"line separator", "\xe2\x80\xa8", R"("\u2028")", R"("\u2028")"},
        {"right-to-left override", "\xe2\x80\xae", R"("\u202e")", R"("\u202e")"},
        {"UTF-8 stays", "Zoë 日本 😀", R"("Zoë 日本 😀")", R"("Zoë 日本 😀")"},
        {"lone continuation", "a\x80z", R"("a\ufffdz")", R"("a\x80z")"},
        {"overlong", "\xc0\xaf", R"("\ufffd\ufffd")", R"("\xc0\xaf")"},
        {"overlong of three", "\xe0\x80\xaf", R"("\ufffd\ufffd\ufffd")", R"("\xe0\x80\xaf")"},
        {"surrogate", "\xed\xa0\x80", R"("\ufffd\ufffd\ufffd")", R"("\xed\xa0\x80")"},
        {"too high", "\xf4\x90\x80\x80", R"("\ufffd\ufffd\ufffd\ufffd")", R"("\xf4\x90\x80\x80")"},
        {"cut short", "ok\xe6\x97", R"("ok\ufffd\ufffd")", R"("ok\xe6\x97")"},
    }));
    CAPTURE(row.name);
    CHECK(as_json(row.value) == row.json);
    CHECK(as_text(row.value) == row.text);
}

TEST_CASE("log_text: any bytes make a JSON string of one printable line", "[proxy][log]") {
    std::mt19937 random(7);
    for (int round = 0; round < 2000; ++round) {
        std::string value(random() % 40, '\0');
        for (auto& c : value) c = static_cast<char>(random());
        const auto json = as_json(value);
        CAPTURE(json);
        REQUIRE(nlohmann::json::accept(json));
        for (const auto& line : {json, as_text(value)})
            for (const char c : line) REQUIRE((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
    }
}

TEST_CASE("log_text: a long value is cut between characters", "[proxy][log]") {
    CHECK(as_text(std::string(kMaxLogValueBytes, 'a')) == std::string(kMaxLogValueBytes, 'a'));
    CHECK(as_text(std::string(kMaxLogValueBytes + 1, 'a')) == std::string(kMaxLogValueBytes, 'a') + "...");
    const auto euros = "a" + [] {
        std::string text;
        while (text.size() < kMaxLogValueBytes) text += "€";
        return text;
    }();
    const auto cut = as_json(euros);
    CHECK(cut.find("ufffd") == std::string::npos);
    CHECK(cut.ends_with("€...\""));
}

TEST_CASE("log_text: of a target only its path is shown", "[proxy][log]") {
    struct Row {
        std::string target, shown;
    };
    const auto row = GENERATE(values<Row>({
        {"/chat", "/chat"},
        {"/chat?", "/chat?***"},
        {"/chat?room=1&access_token=a=b", "/chat?***"},
        {"/chat?eyJhbGciOi", "/chat?***"},
        {"/chat;token=x?room=1", "/chat;***"},
        {"http://joe:hunter2@example.com/chat", "***"},
        {"*", "***"},
        {"", "***"},
    }));
    CAPTURE(row.target);
    CHECK(redact_target(row.target) == row.shown);
}
