#include "proxy/http/origin.hpp"

#include <catch2/catch.hpp>

#include <stdexcept>

using namespace trunkline::proxy;

TEST_CASE("authority: host and port, nothing else", "[proxy][origin]") {
    struct Row {
        std::string text, host;
        int port;  // -1: none
    };
    const auto row = GENERATE(values<Row>({{"a", "a", -1},
                                           {"Example.COM", "example.com", -1},
                                           {"example.com:8080", "example.com", 8080},
                                           {"a:0", "a", 0},
                                           {"a:65535", "a", 65535},
                                           {"127.0.0.1:80", "127.0.0.1", 80},
                                           {"[::1]", "[::1]", -1},
                                           {"[::FFFF:1.2.3.4]:443", "[::ffff:1.2.3.4]", 443}}));
    CAPTURE(row.text);
    const auto authority = parse_authority(row.text);
    REQUIRE(authority);
    CHECK(authority->host == row.host);
    CHECK(authority->port.value_or(0) == (row.port < 0 ? 0 : row.port));
    CHECK(authority->port.has_value() == (row.port >= 0));

    const auto bad =
        GENERATE(as<std::string>{}, "", ":80", "a:", "a:b", "a:65536", "a:000080", "a:+1", "a: 1", "a b", "a,b", "u@a",
                 "a/b", "a?b", "%61", "[::1", "::1", "[]", "[::1]x", "[::1]:", "[g::1]", "a]", "a:1:2");
    CAPTURE(bad);
    CHECK_FALSE(parse_authority(bad));
    CHECK_FALSE(parse_authority(std::string(256, 'a')));
}

TEST_CASE("origin: the same host unless others are listed", "[proxy][origin]") {
    using List = std::vector<std::string>;
    struct Row {
        List list;
        std::optional<std::string> origin;
        std::string host;
        bool allowed;
    };
    const auto row = GENERATE(values<Row>({
        {{}, std::nullopt, "a", true},
        {{}, "http://a", "a", true},
        {{}, "http://A", "a", true},
        {{}, "http://a", "a:80", true},
        {{}, "http://a:80", "a", true},
        {{}, "https://a", "a", true},  // the scheme ends at the balancer in front of us
        {{}, "https://a", "a:443", true},
        {{}, "https://a:443", "a", true},
        {{}, "http://[::1]:8080", "[::1]:8080", true},
        {{}, "https://a", "a:80", false},
        {{}, "http://a", "a:8080", false},
        {{}, "http://a:8080", "a", false},
        {{}, "http://a:8080", "a:8081", false},
        {{}, "http://b", "a", false},
        {{}, "http://a.b", "a", false},
        {{}, "http://b.a", "a", false},
        {{}, "app://a", "a", true},  // neither has a port, none is filled in
        {{}, "null", "null", false},
        {{}, "", "a", false},
        {{}, "a", "a", false},
        {{}, "http://", "a", false},
        {{}, "http://a/", "a", false},
        {{}, "http://a@b", "b", false},
        {{}, "http://a http://b", "a", false},
        {{}, "://a", "a", false},
        {{"https://b"}, std::nullopt, "a", true},
        {{"https://b"}, "https://b", "a", true},
        {{"https://b"}, "https://b:443", "a", true},
        {{"https://B:443"}, "https://b", "a", true},
        {{"https://b"}, "http://b", "a", false},
        {{"https://b"}, "https://b:8443", "a", false},
        {{"https://b"}, "https://a", "a", false},  // a list says all
        {{"https://b"}, "null", "a", false},
        {{"https://b", "https://c:1"}, "https://c:1", "a", true},
        {{"*"}, "https://b", "a", true},
        {{"*"}, "null", "a", true},
    }));
    CAPTURE(row.list, row.origin.value_or("-"), row.host);
    const auto host = parse_authority(row.host);
    REQUIRE(host);
    std::optional<std::string_view> origin;
    if (row.origin) origin = *row.origin;
    CHECK(OriginPolicy(row.list).allows(origin, *host) == row.allowed);
}

TEST_CASE("origin: an entry that is no origin throws", "[proxy][origin]") {
    const auto entry =
        GENERATE(as<std::string>{}, "", "null", "example.com", "https://", "https://a/", "https://*.a", "https://a:x");
    CAPTURE(entry);
    CHECK_THROWS_AS(OriginPolicy({entry}), std::invalid_argument);
}
