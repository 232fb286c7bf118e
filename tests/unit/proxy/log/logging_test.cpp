#include "proxy/log/logging.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>
#include <vector>

using namespace trunkline::proxy;
using trunkline::config::LogFormat;
using trunkline::config::LogLevel;
using trunkline::config::LogSettings;

namespace {

// A pipe that nobody reads before the end.
struct Pipe {
    Pipe() { REQUIRE(::pipe2(ends, O_CLOEXEC) == 0); }
    ~Pipe() {
        ::close(ends[0]);
        ::close(ends[1]);
    }
    std::vector<std::string> lines() {
        ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
        std::string text;
        char block[65536];
        for (ssize_t n; (n = ::read(ends[0], block, sizeof block)) > 0;)
            text.append(block, static_cast<std::size_t>(n));
        std::vector<std::string> result;
        std::istringstream stream(text);
        for (std::string line; std::getline(stream, line);) result.push_back(line);
        return result;
    }
    int ends[2];
};

LogSettings settings(LogLevel level, LogFormat format) {
    LogSettings result;
    result.level = level;
    result.format = format;
    return result;
}

// `2024-05-06T07:08:09.123Z`, with any digits.
bool is_time(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }, '0');
    return text == "0000-00-00T00:00:00.000Z";
}

}  // namespace

TEST_CASE("Logging: text shows the message and its fields", "[proxy][log]") {
    Pipe pipe;
    {
        const Logging logging(settings(LogLevel::info, LogFormat::text), pipe.ends[1]);
        log_info("link up", {{"app_server", "tcp://10.0.0.5:7000"}, {"lane", 2}, {"epoch", std::uint64_t{1} << 63U}});
        log_warn("odd", {{"path", "/a\n2024 info forged"}, {"delta", -3}, {"ask", true}});
        log_debug("not shown", {{"lane", 1}});
    }
    const auto lines = pipe.lines();
    REQUIRE(lines.size() == 2);
    CHECK(is_time(lines[0].substr(0, 24)));
    CHECK(lines[0].substr(25) == "info link up app_server=tcp://10.0.0.5:7000 lane=2 epoch=9223372036854775808");
    CHECK(lines[1].substr(25) == R"(warn odd path="/a\n2024 info forged" delta=-3 ask=true)");
}

TEST_CASE("Logging: a JSON line is one object", "[proxy][log]") {
    Pipe pipe;
    {
        const Logging logging(settings(LogLevel::trace, LogFormat::json), pipe.ends[1]);
        log_error("bad \"frame\"", {{"user", "a\"}\n{\"level\":\"info"}, {"offset", 77}});
        log_trace("bare");
    }
    const auto lines = pipe.lines();
    REQUIRE(lines.size() == 2);
    const auto line = nlohmann::json::parse(lines[0]);
    CHECK(line["level"] == "error");
    CHECK(line["message"] == "bad \"frame\"");
    CHECK(line["user"] == "a\"}\n{\"level\":\"info");
    CHECK(line["offset"] == 77);
    CHECK(is_time(line["time"].get<std::string>()));
    CHECK(nlohmann::json::parse(lines[1])["level"] == "trace");
}

TEST_CASE("Logging: a reader that is stuck costs lines, counted, and nobody waits for it", "[proxy][log]") {
    Pipe pipe;
    constexpr std::uint64_t kLines = 20'000;  // more than queue and pipe can hold
    std::uint64_t dropped = 0;
    {
        const Logging logging(settings(LogLevel::info, LogFormat::text), pipe.ends[1]);
        for (std::uint64_t i = 0; i < kLines; ++i) log_info("line", {{"padding", std::string(80, 'x')}});
        // What overran the queue; what the sink gives up on comes on top of it, also at the end.
        dropped = dropped_log_lines();
    }
    const auto lines = pipe.lines();
    CHECK_FALSE(lines.empty());
    CHECK(lines.size() < kLines);
    CHECK(dropped <= kLines - lines.size());
    CHECK((dropped > 0));
    CHECK(dropped_log_lines() == 0);
}

TEST_CASE("Logging: after a flush the line is out, although the log goes on", "[proxy][log]") {
    Pipe pipe;
    const Logging logging(settings(LogLevel::info, LogFormat::text), pipe.ends[1]);
    for (int i = 0; i < 100; ++i) log_info("line");
    log_error("last words");
    flush_log();
    const auto lines = pipe.lines();
    REQUIRE(lines.size() == 101);
    CHECK(lines.back().ends_with("error last words"));
}

TEST_CASE("Logging: without one nothing is logged", "[proxy][log]") {
    CHECK_FALSE(is_logged(LogLevel::error));
    log_error("nowhere");
    flush_log();
    Pipe pipe;
    const Logging logging(settings(LogLevel::off, LogFormat::text), pipe.ends[1]);
    CHECK_FALSE(is_logged(LogLevel::error));
    CHECK_FALSE(is_logged(LogLevel::off));
}
