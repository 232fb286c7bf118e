#include "proxy/http/route_table.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <stdexcept>

using namespace trunkline;
using namespace trunkline::proxy;

namespace {

struct Pattern {
    std::string host, path;
};

std::vector<config::RouteSettings> make_routes(const std::vector<Pattern>& patterns) {
    std::vector<config::RouteSettings> routes;
    for (const auto& pattern : patterns) {
        config::RouteSettings route;
        route.host = pattern.host;
        route.path = pattern.path;
        route.upstream = "app";
        routes.push_back(route);
    }
    return routes;
}

/// The pattern that is chosen, as `host path`, and the parameters as `name=value` behind it.
std::string choose(const std::vector<Pattern>& patterns, std::string_view host, std::string_view path) {
    const RouteTable table(make_routes(patterns));
    const auto match = table.find(host, path);
    if (!match) return "none";
    std::string chosen = patterns[match->route].host + patterns[match->route].path;
    for (const auto& [name, value] : match->parameters) chosen += " " + name + "=" + value;
    return chosen;
}

}  // namespace

TEST_CASE("RouteTable: exact before segments before the longest prefix", "[proxy][listener][route]") {
    std::vector<Pattern> patterns{{"", "/*"},       {"", "/a/*"},       {"", "/a/b/*"},   {"", "/a/{x}"},
                                  {"", "/a/b"},     {"", "/a/{x}/{y}"}, {"", "/a/b/{y}"}, {"", "/a/{x}/c"},
                                  {"", "/r/{x}/*"}, {"", "/r/s/*"},     {"", "/exact/"},  {"", "/{x}/tail"}};
    if (GENERATE(false, true)) std::reverse(patterns.begin(), patterns.end());  // their order decides nothing

    struct Row {
        std::string path, chosen;
    };
    const auto row = GENERATE(values<Row>({
        {"/", "/*"},
        {"/x", "/*"},
        {"/a", "/*"},
        {"/a/", "/a/*"},  // a parameter is never empty
        {"/a/b", "/a/b"},
        {"/a/c", "/a/{x} x=c"},
        {"/a/b/", "/a/b/*"},
        {"/a/b/d", "/a/b/{y} y=d"},
        {"/a/x/c", "/a/{x}/c x=x"},
        {"/a/b/c", "/a/b/{y} y=c"},  // the first difference is a literal
        {"/a/x/d", "/a/{x}/{y} x=x y=d"},
        {"/a/x/d/e", "/a/*"},
        {"/a/b/d/e", "/a/b/*"},
        {"/r/s/t", "/r/s/*"},
        {"/r/q/t/u", "/r/{x}/* x=q"},
        {"/r/q", "/*"},
        {"/exact", "/*"},
        {"/exact/", "/exact/"},
        {"/p/tail", "/{x}/tail x=p"},
        {"//", "/*"},
        {"/a//c", "/a/*"},
    }));
    CAPTURE(row.path);
    CHECK(choose(patterns, "any.example", row.path) == row.chosen);
}

TEST_CASE("RouteTable: the more special host first, then on to the next", "[proxy][listener][route]") {
    std::vector<Pattern> patterns{{"", "/*"},        {"", "/chat"},        {"*.b.c", "/*"},
                                  {"*.a.b.c", "/*"}, {"x.a.b.c", "/chat"}, {"*.d", "/only"}};
    if (GENERATE(false, true)) std::reverse(patterns.begin(), patterns.end());

    struct Row {
        std::string host, path, chosen;
    };
    const auto row = GENERATE(values<Row>({
        {"other", "/chat", "/chat"},
        {"x.a.b.c", "/chat", "x.a.b.c/chat"},
        {"x.a.b.c", "/other", "*.a.b.c/*"},  // the exact host has no such path
        {"y.a.b.c", "/chat", "*.a.b.c/*"},   // a better host beats a better path
        {"a.b.c", "/chat", "*.b.c/*"},
        {"b.c", "/chat", "/chat"},  // a suffix needs something before it
        {".b.c", "/chat", "/chat"},
        {"xb.c", "/chat", "/chat"},
        {"x.d", "/only", "*.d/only"},
        {"x.d", "/else", "/*"},
    }));
    CAPTURE(row.host, row.path);
    CHECK(choose(patterns, row.host, row.path) == row.chosen);
}

TEST_CASE("RouteTable: no route is no match", "[proxy][listener][route]") {
    CHECK(choose({}, "a", "/") == "none");
    CHECK(choose({{"", "/a"}}, "a", "/A") == "none");
    CHECK(choose({{"", "/a"}}, "a", "/a/") == "none");
    CHECK(choose({{"", "/a/*"}}, "a", "/a") == "none");
    CHECK(choose({{"", "/a/*"}}, "a", "") == "none");
    CHECK(choose({{"h", "/a"}}, "g", "/a") == "none");
}

TEST_CASE("RouteTable: the rest is what the star stands for", "[proxy][listener][route]") {
    struct Row {
        std::string pattern, path, rest;
    };
    const auto row = GENERATE(values<Row>({{"/*", "/", ""},
                                           {"/*", "/a/b", "a/b"},
                                           {"/a/*", "/a/", ""},
                                           {"/a/*", "/a/b//c", "b//c"},
                                           {"/a/{x}/*", "/a/b/c", "c"},
                                           {"/a", "/a", ""}}));
    CAPTURE(row.pattern, row.path);
    const RouteTable table(make_routes({{"", row.pattern}}));
    const auto match = table.find("h", row.path);
    REQUIRE(match);
    CHECK(match->rest == row.rest);
}

TEST_CASE("RouteTable: broken and double patterns throw", "[proxy][listener][route]") {
    const auto patterns = GENERATE(values<std::vector<Pattern>>({
        {{"", ""}},
        {{"", "a"}},
        {{"", "/*/a"}},
        {{"", "/a*"}},
        {{"", "/a{x}"}},
        {{"", "/{}"}},
        {{"", "/a"}, {"", "/b"}, {"", "/a"}},
        {{"", "/{x}"}, {"", "/{y}"}},
        {{"a.b", "/*"}, {"A.B", "/*"}},
    }));
    CHECK_THROWS_AS(RouteTable(make_routes(patterns)), std::invalid_argument);
}
