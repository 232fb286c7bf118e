#include "config/loader.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/unit/config/scratch.hpp"

using namespace trunkline::config;
using namespace std::literals;
namespace fs = std::filesystem;

namespace {

const std::string kBase = "listeners: [{address: '127.0.0.1:8080'}]\nroutes: []\n";

std::vector<std::string> lines(const LoadResult& result) {
    std::vector<std::string> out;
    for (const auto& problem : result.problems) out.push_back(problem.to_string());
    return out;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("loader: a file that cannot be read", "[config][loader]") {
    const Scratch scratch;
    fs::permissions(scratch.write("secret.yaml", kBase), fs::perms::none);
    const auto [name, why] = GENERATE(table<std::string, std::string>(
        {{"none.yaml", "No such file or directory"}, {"", "Is a directory"}, {"secret.yaml", "Permission denied"}}));
    const auto file = scratch.path() / name;
    const NotRoot guard(scratch);
    const auto result = load(file);
    REQUIRE(result.problems.size() == 1);
    CHECK(result.problems[0].to_string() ==
          file.string() + ": found nothing that can be read (" + why + "), expected a configuration file");
}

TEST_CASE("loader: an empty file lacks what is required, at its start", "[config][loader]") {
    const auto text = GENERATE("", "\n", "# nothing\n", "---\n");
    const auto problems = lines(load_text(text, "t.yaml", {}, FileAccess::none));
    CAPTURE(problems);
    REQUIRE(problems.size() == 2);
    CHECK(contains(problems[0], "listeners: found nothing"));
    CHECK(contains(problems[1], "routes: found nothing"));
    CHECK(problems[0].starts_with("t.yaml:"));
}

TEST_CASE("loader: what depends on the machine is never left open", "[config][loader]") {
    const auto result = load_text(kBase, "t.yaml", {}, FileAccess::none);
    REQUIRE(result);
    CHECK(result.settings->workers >= 1);
    CHECK(result.settings->proxy_id.size() > 5);
    CHECK(result.settings->proxy_id.ends_with(":8080"));
}

TEST_CASE("loader: empty sections and lists are defaults", "[config][loader]") {
    const auto result = load_text(kBase + "admin:\nlimits: {}\nupstreams: {}\nlog:\nlinks:\ntimeouts:\n", "t.yaml", {},
                                  FileAccess::none);
    CAPTURE(lines(result));
    REQUIRE(result);
    CHECK(result.settings->admin.port == 9090);
    CHECK(result.settings->upstreams.empty());
}

TEST_CASE("loader: what YAML would take for something else is text to us", "[config][loader]") {
    const auto result =
        load_text(kBase + "proxy_id: 010\nlog: {level: off}\nupstreams: {no: {app_servers: ['unix:///a']}}\n", "t.yaml",
                  {}, FileAccess::none);
    CAPTURE(lines(result));
    REQUIRE(result);
    CHECK(result.settings->proxy_id == "010");
    CHECK(result.settings->log.level == LogLevel::off);
    CHECK(result.settings->upstreams.at(0).name == "no");
}

TEST_CASE("loader: aliases are copies", "[config][loader]") {
    const auto result = load_text(
        "listeners: [{address: '127.0.0.1:8080'}]\n"
        "upstreams: {a: {app_servers: ['unix:///a']}}\n"
        "routes:\n"
        "  - {path: /a, upstream: a, allow_origins: &origins [https://a.example, https://b.example]}\n"
        "  - {path: /b, upstream: a, allow_origins: *origins}\n",
        "t.yaml", {}, FileAccess::none);
    CAPTURE(lines(result));
    REQUIRE(result);
    CHECK(result.settings->routes.at(1).allow_origins.size() == 2);
    CHECK(result.settings->routes.at(1).allow_origins == result.settings->routes.at(0).allow_origins);
}

TEST_CASE("loader: a document is bounded", "[config][loader]") {
    std::string text;
    std::string found;
    SECTION("bytes") {
        text = "# " + std::string(kMaxFileBytes, 'x');
        found = "found more than 1048576 bytes";
    }
    SECTION("depth") {
        text = std::string(kMaxDepth + 1, '[') + std::string(kMaxDepth + 1, ']');
        found = "at most 32 levels";
    }
    SECTION("depth beyond what the parser bears") {
        text = std::string(200'000, '[');
        found = "at most 32 levels";
    }
    SECTION("depth of a block") {
        for (int i = 0; i < 1000; ++i) text += "- ";
        found = "at most 32 levels";
    }
    SECTION("values") {
        text = "[";
        for (std::size_t i = 0; i < kMaxNodes; ++i) text += "a,";
        text += "]";
        found = "at most 20000 values";
    }
    SECTION("aliases that double and double") {
        text = "a0: &a0 [x, x]\n";
        for (int i = 1; i < 64; ++i) {
            const std::string last = "*a" + std::to_string(i - 1);
            text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last + ", " + last + "]\n";
        }
        found = "at most 20000 values";
    }
    SECTION("aliases of a long text") {
        text = "a: &a " + std::string(100'000, 'x') + "\nb: [";
        for (int i = 0; i < 1000; ++i) text += "*a,";
        text += "]\n";
        found = "at most 4194304 bytes of text";
    }
    const auto problems = lines(load_text(text, "t.yaml", {}, FileAccess::none));
    REQUIRE(problems.size() == 1);
    CAPTURE(problems[0]);
    CHECK(contains(problems[0], found));
}

TEST_CASE("loader: a document at its bounds", "[config][loader]") {
    std::vector<Problem> problems;
    parse_yaml(std::string(kMaxDepth, '[') + std::string(kMaxDepth, ']'), "t.yaml", problems);
    std::string values = "[a";
    for (std::size_t i = 2; i < kMaxNodes; ++i) values += ",a";
    CHECK(parse_yaml(values + "]", "t.yaml", problems).children.size() == kMaxNodes - 1);
    parse_yaml("a #" + std::string(kMaxFileBytes - 3, 'x'), "t.yaml", problems);
    CHECK(problems.empty());
}

TEST_CASE("loader: many mistakes are listed in space that follows the file", "[config][loader]") {
    std::string text = "listeners: [{address: '127.0.0.1:1'}]\nroutes:\n";
    for (int i = 0; i < 1500; ++i)
        text += "- {path: /a" + std::to_string(i) + ", upstream: missing" + std::to_string(i) + "}\n";
    text += "upstreams:\n";
    for (int i = 0; i < 1500; ++i) {
        const std::string name = "present" + std::to_string(i);
        text += "  " + name + ": {app_servers: ['unix:///" + name + "']}\n";
    }
    const auto result = load_text(text, "t.yaml", {}, FileAccess::none);
    REQUIRE(result.problems.size() == 1500);
    std::size_t bytes = 0;
    for (const auto& problem : result.problems) bytes += problem.to_string().size();
    CHECK(bytes < 500'000);
}

TEST_CASE("loader: the link key", "[config][loader]") {
    const Scratch scratch;
    const std::string upstreams = "upstreams: {a: {app_servers: ['tcp://10.0.0.1:7000']}}\n";
    const auto file = scratch.write("t.yaml", kBase + upstreams + "link_key_file: link.key\n");
    const auto place =
        file.string() + ":4:16: link_key_file: found \"link.key\" (" + (scratch.path() / "link.key").string() + ")";

    const std::string form = "a key of at least 16 bytes, white space around it not counted, in a file of at most 4096";

    SECTION("without white space around it, from beside the file") {
        scratch.write("link.key", " \t0123456789 abcdef\r\n\n");
        const auto result = load(file);
        CAPTURE(lines(result));
        REQUIRE(result);
        CHECK(result.settings->link_key == "0123456789 abcdef");
        CHECK(result.settings->link_key_file == scratch.path() / "link.key");
    }
    SECTION("missing") {
        const auto problems = lines(load(file));
        REQUIRE(problems.size() == 1);
        CHECK(problems[0] == place + ", which cannot be read (No such file or directory), expected " + form);
    }
    SECTION("a pipe, which nobody waits for") {
        scratch.pipe("link.key");
        const auto problems = lines(load(file));
        REQUIRE(problems.size() == 1);
        CHECK(contains(problems[0], "cannot be read"));
    }
    SECTION("a directory") {
        fs::create_directory(scratch.path() / "link.key");
        const auto problems = lines(load(file));
        REQUIRE(problems.size() == 1);
        CHECK(contains(problems[0], "Is a directory"));
    }
    SECTION("too short, and not shown") {
        scratch.write("link.key", "secret78901234x\n");
        const auto problems = lines(load(file));
        REQUIRE(problems.size() == 1);
        CHECK(problems[0] == place + " with 15 bytes, expected " + form);
        CHECK_FALSE(contains(problems[0], "secret"));
    }
    SECTION("of exactly 16 bytes") {
        scratch.write("link.key", "0123456789abcdef");
        CHECK(load(file));
    }
    SECTION("too long") {
        scratch.write("link.key", std::string(4097, 'k'));
        const auto problems = lines(load(file));
        REQUIRE(problems.size() == 1);
        CHECK(problems[0] == place + " with more, expected " + form);
    }
}

TEST_CASE("loader: directories of static files", "[config][loader]") {
    const Scratch scratch;
    fs::create_directory(scratch.path() / "www");
    scratch.write("plain", "");
    const std::string head = "listeners: [{address: '127.0.0.1:8080'}]\nroutes:\n";

    const auto good = load(scratch.write("good.yaml", head + "  - {path: '/*', files: ./www}\n"));
    CAPTURE(lines(good));
    REQUIRE(good);
    CHECK(good.settings->routes.at(0).files == scratch.path() / "www");

    const auto bad = lines(load(scratch.write("bad.yaml", head + "  - {path: '/a/*', files: none}\n"
                                                                 "  - {path: '/b/*', files: plain}\n")));
    REQUIRE(bad.size() == 2);
    CHECK(bad[0] == (scratch.path() / "bad.yaml").string() + ":3:27: routes.0.files: found \"none\" (" +
                        (scratch.path() / "none").string() + "), expected a directory that can be read");
    CHECK(contains(bad[1], ":4:27: routes.1.files: "));
}

TEST_CASE("loader: a path below the file's own directory, however the file is named", "[config][loader]") {
    const Scratch scratch;
    const auto file = scratch.write("t.yaml", "");
    const auto relative = fs::relative(file);
    const auto result = load_text("listeners: [{address: '127.0.0.1:1'}]\nroutes: [{path: /, files: www}]\n", relative,
                                  {}, FileAccess::none);
    REQUIRE(result);
    CHECK(result.settings->routes.at(0).files == scratch.path() / "www");
}
