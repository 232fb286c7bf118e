#include "proxy/http/request_target.hpp"

#include <catch2/catch.hpp>

using trunkline::proxy::parse_target;

TEST_CASE("request target: the path is decoded once, the query is left alone", "[proxy][listener][target]") {
    struct Row {
        std::string target, path, query;
    };
    const auto row = GENERATE(values<Row>({
        {"/", "/", ""},
        {"/chat", "/chat", ""},
        {"/chat?", "/chat", ""},
        {"/chat?a=%2f..&b=?", "/chat", "a=%2f..&b=?"},
        {"/a%20b/%C3%A9", "/a b/\xc3\xa9", ""},
        {"/%252e%252e", "/%2e%2e", ""},  // once, not twice
        {"/a/..b/.c/d..", "/a/..b/.c/d..", ""},
        {"//a//", "//a//", ""},
        {"/a%3Fb", "/a?b", ""},
    }));
    CAPTURE(row.target);
    const auto target = parse_target(row.target);
    REQUIRE(target);
    CHECK(target->path == row.path);
    CHECK(target->query == row.query);
}

TEST_CASE("request target: what two readers could read in two ways is refused", "[proxy][listener][target]") {
    const auto target =
        GENERATE(as<std::string>{}, "", "chat", "*", "http://example.com/chat", "example.com:80", "/a b", "/a#b",
                 "/a\x7f", "/a\tb", "/\xc3\xa9", "/..", "/a/..", "/a/../b", "/a/./b", "/.", "/%2e%2e/a", "/.%2E/a",
                 "/a/%2e", "/a%2fb", "/a%2Fb", "/a\\b", "/a%5cb", "/%00", "/a%0d%0aHost:b", "/%7f", "/%", "/%a", "/%a",
                 "/%zz", "/%1g", "/%ff", "/%c0%af", "/%ed%a0%80", "/%e2%82");
    CAPTURE(target);
    CHECK_FALSE(parse_target(target));
}
