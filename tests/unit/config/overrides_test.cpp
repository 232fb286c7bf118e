#include "config/overrides.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "config/loader.hpp"

using namespace trunkline::config;
using namespace std::literals;

namespace {

const std::string kText =
    "listeners: [{address: '127.0.0.1:8080'}]\n"
    "upstreams: {chat: {app_servers: ['unix:///a.sock'], pool_size: 3}}\n"
    "routes: [{path: /a, upstream: chat}]\n"
    "admin: {address: '127.0.0.1:1'}\n";

LoadResult load_with(const Overrides& overrides) { return load_text(kText, "t.yaml", overrides, FileAccess::none); }

Settings settings_with(const Overrides& overrides) {
    const auto result = load_with(overrides);
    for (const auto& problem : result.problems) UNSCOPED_INFO(problem.to_string());
    REQUIRE(result);
    return *result.settings;
}

std::string only_problem(const Overrides& overrides) {
    const auto result = load_with(overrides);
    for (const auto& problem : result.problems) UNSCOPED_INFO(problem.to_string());
    REQUIRE(result.problems.size() == 1);
    return result.problems[0].to_string();
}

}  // namespace

TEST_CASE("overrides: flag before environment before file", "[config][overrides]") {
    CHECK(settings_with({}).admin.port == 1);
    const std::pair<std::string, std::string> variable = {"TRUNKLINE__ADMIN__ADDRESS", "127.0.0.1:2"};
    CHECK(settings_with({{}, {variable}}).admin.port == 2);
    CHECK(settings_with({{"admin.address=127.0.0.1:3"}, {variable}}).admin.port == 3);
    CHECK(settings_with({{"admin.address=127.0.0.1:3", "admin.address=127.0.0.1:4"}, {}}).admin.port == 4);
}

TEST_CASE("overrides: reach into lists and make what is not there", "[config][overrides]") {
    const auto settings =
        settings_with({{"listeners.0.address=127.0.0.1:81", "listeners.1.address=127.0.0.1:82", "timeouts.ping=250ms",
                        "routes.0.allow_origins.0=https://a.example", "routes.0.subprotocols=[a, b]",
                        "upstreams.more={app_servers: [unix:///more]}"},
                       {{"TRUNKLINE__DRAIN_TIMEOUT", "1ms"},
                        {"TRUNKLINE__UPSTREAMS__CHAT__POOL_SIZE", "7"},
                        {"TRUNKLINE__ROUTES__0__ASK", "true"}}});
    CHECK(settings.listeners.at(0).port == 81);
    CHECK(settings.listeners.at(1).port == 82);
    CHECK(settings.timeouts.ping == 250ms);
    CHECK(settings.drain_timeout == 1ms);
    CHECK(settings.routes.at(0).allow_origins == std::vector<std::string>{"https://a.example"});
    CHECK(settings.routes.at(0).subprotocols == std::vector<std::string>{"a", "b"});
    CHECK(settings.routes.at(0).ask);
    CHECK(settings.upstreams.at(0).pool_size == 7);
    CHECK(settings.upstreams.at(1).name == "more");
}

TEST_CASE("overrides: a whole comes before its parts", "[config][overrides]") {
    const auto settings = settings_with({{},
                                         {{"TRUNKLINE__LISTENERS__0__ADDRESS", "127.0.0.1:9"},
                                          {"TRUNKLINE__LISTENERS", "[{address: '127.0.0.1:7'}]"}}});
    REQUIRE(settings.listeners.size() == 1);
    CHECK(settings.listeners[0].port == 9);
}

TEST_CASE("overrides: a value replaces what was wrong in the file", "[config][overrides]") {
    CHECK(load_text("listeners: 3\nroutes: []\n", "t.yaml", {{"listeners=[{address: 'localhost:1'}]"}, {}},
                    FileAccess::none));
}

TEST_CASE("overrides: other variables are left alone", "[config][overrides]") {
    CHECK(settings_with({{}, {{"TRUNKLINE_ADMIN_ADDRESS", "x"}, {"TRUNKLINE_PORT", "tcp://1"}}}).admin.port == 1);
    const char* const environment[] = {"PATH=/bin", "TRUNKLINE_X=1", "TRUNKLINE__A=b=c", "TRUNKLINE__EMPTY=", nullptr};
    CHECK(relevant_environment(environment) ==
          std::vector<std::pair<std::string, std::string>>{{"TRUNKLINE__A", "b=c"}, {"TRUNKLINE__EMPTY", ""}});
    CHECK(relevant_environment(nullptr).empty());
}

TEST_CASE("overrides: errors name their source", "[config][overrides]") {
    CHECK(only_problem({{"workers=many"}, {}}) ==
          "--set: workers: found \"many\", expected a whole number from 1 to 256");
    CHECK(only_problem({{}, {{"TRUNKLINE__WORKERS", "many"}}}) ==
          "environment TRUNKLINE__WORKERS: workers: found \"many\", expected a whole number from 1 to 256");
    CHECK(only_problem({{"timeouts.pings=1s"}, {}}).starts_with("--set: timeouts.pings: found an unknown key"));
    CHECK(only_problem({{"listeners.2.address=127.0.0.1:1"}, {}}) ==
          "--set: listeners.2.address: found \"2\", expected an index from 0 to 1");
    CHECK(only_problem({{"listeners.first=x"}, {}}) ==
          "--set: listeners.first: found \"first\", expected an index from 0 to 1");
    CHECK(only_problem({{"admin.address.port=1"}, {}}) ==
          "--set: admin.address.port: found no map or list above \"port\", expected the path of a setting");
    CHECK(only_problem({{"routes=[1"}, {}}).starts_with("--set: routes: found bad YAML ("));
    CHECK(only_problem({{"listeners.1={}"}, {}}).starts_with("--set: listeners.1.address: found nothing"));
    CHECK(only_problem({{"novalue"}, {}}) == "--set: found \"novalue\", expected key=value");
    CHECK(only_problem({{}, {{"TRUNKLINE__A____B", "1"}}}) ==
          "environment TRUNKLINE__A____B: found an empty level in its name, expected TRUNKLINE__SECTION__KEY");
    CHECK(only_problem({{"proxy_id="}, {}}).starts_with("--set: proxy_id: found \"\""));
    // Two settings that contradict each other: at the one that was overridden.
    CHECK(only_problem({{"admin.address=127.0.0.1:8080"}, {}}).starts_with("--set: admin.address: "));
}

TEST_CASE("overrides: problems of the file come first", "[config][overrides]") {
    const auto result = load_text("listeners: []\nroutes: []\n", "t.yaml", {{"workers=0"}, {}}, FileAccess::none);
    REQUIRE(result.problems.size() == 2);
    CHECK(result.problems[0].source == "t.yaml");
    CHECK(result.problems[1].source == "--set");
}
