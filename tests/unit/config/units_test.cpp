#include "config/units.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "config/route_pattern.hpp"

using namespace trunkline::config;
using namespace std::literals;

TEST_CASE("units: numbers", "[config][units]") {
    CHECK(parse_number("0") == 0);
    CHECK(parse_number("18446744073709551615") == 18446744073709551615u);
    for (const auto text : {""sv, "00"sv, "010"sv, "+1"sv, "-1"sv, " 1"sv, "1 "sv, "0x1"sv, "1e3"sv, "1_000"sv, "1\0"sv,
                            "18446744073709551616"sv, "1.0"sv}) {
        CAPTURE(text);
        CHECK_FALSE(parse_number(text));
    }
}

TEST_CASE("units: durations", "[config][units]") {
    CHECK(parse_duration("250ms") == 250ms);
    CHECK(parse_duration("0s") == 0ms);
    CHECK(parse_duration("30s") == 30s);
    CHECK(parse_duration("5m") == 5min);
    CHECK(parse_duration("2h") == 2h);
    for (const auto text : {""sv, "30"sv, "0"sv, "s"sv, "-1s"sv, "1.5s"sv, "1 s"sv, "1S"sv, "1d"sv, "1m30s"sv, "01s"sv,
                            "9223372036854775807h"sv, "18446744073709551615ms"sv}) {
        CAPTURE(text);
        CHECK_FALSE(parse_duration(text));
    }
    for (const auto value : {0ms, 1ms, 999ms, 1000ms, 1500ms, 60'000ms, 90'000ms, 3'600'000ms}) {
        CAPTURE(value.count());
        CHECK(parse_duration(format_duration(value)) == value);
    }
    CHECK(format_duration(90s) == "90s");
    CHECK(format_duration(3600s) == "1h");
}

TEST_CASE("units: short durations", "[config][units]") {
    CHECK(parse_short_duration("200us") == 200us);
    CHECK(parse_short_duration("1ms") == 1ms);
    CHECK(parse_short_duration("2s") == 2s);
    CHECK(parse_short_duration("0us") == 0us);
    CHECK(parse_short_duration("0ms") == 0us);
    for (const auto text : {""sv, "200"sv, "us"sv, "0.2ms"sv, "1ns"sv, "-1us"sv, "9223372036854775807ms"sv}) {
        CAPTURE(text);
        CHECK_FALSE(parse_short_duration(text));
    }
    CHECK(format_short_duration(1500us) == "1500us");
    CHECK(format_short_duration(2000us) == "2ms");
}

TEST_CASE("units: sizes", "[config][units]") {
    CHECK(parse_bytes("0") == 0);
    CHECK(parse_bytes("4096") == 4096);
    CHECK(parse_bytes("512B") == 512);
    CHECK(parse_bytes("64KiB") == 65536);
    CHECK(parse_bytes("1MiB") == 1048576);
    CHECK(parse_bytes("2GiB") == 2147483648u);
    for (const auto text :
         {""sv, "KiB"sv, "1KB"sv, "1k"sv, "1kib"sv, "1.5MiB"sv, "1 MiB"sv, "08KiB"sv, "18446744073709551615KiB"sv}) {
        CAPTURE(text);
        CHECK_FALSE(parse_bytes(text));
    }
    for (const std::uint64_t value : {0u, 1u, 1023u, 1024u, 1536u, 1114112u, 1u << 30}) {
        CAPTURE(value);
        CHECK(parse_bytes(format_bytes(value)) == value);
    }
}

TEST_CASE("units: addresses to listen on", "[config][units]") {
    CHECK(parse_address("0.0.0.0:8080")->host == "0.0.0.0");
    CHECK(parse_address("127.0.0.1:0")->port == 0);
    CHECK(parse_address("127.0.0.1:65535")->port == 65535);
    CHECK(parse_address("localhost:80")->host == "127.0.0.1");
    CHECK(parse_address("[::1]:80")->host == "::1");
    CHECK(parse_address("[2001:DB8::1]:80")->host == "2001:db8::1");
    for (const auto text : {""sv, ":80"sv, "80"sv, "127.0.0.1"sv, "127.0.0.1:"sv, "127.0.0.1:080"sv,
                            "127.0.0.1:65536"sv, "127.0.0:80"sv, "::1:80"sv, "[::1]"sv, "[127.0.0.1]:80"sv, "[]:80"sv,
                            "example.com:80"sv, "*:80"sv, "127.0.0.1\0:80"sv, "127.0.0.1:80 "sv}) {
        CAPTURE(text);
        CHECK_FALSE(parse_address(text));
    }
}

TEST_CASE("units: endpoints, there and back", "[config][units]") {
    for (const auto text : {"tcp://127.0.0.1:7000"sv, "tcp://chat.internal:1"sv, "tcp://chat_1:65535"sv,
                            "tcp://[::1]:7"sv, "unix:///run/a.sock"sv, "unix:///a b"sv}) {
        CAPTURE(text);
        const auto endpoint = parse_app_server(text);
        REQUIRE(endpoint);
        CHECK(endpoint->to_string() == text);
    }
    CHECK(parse_app_server("tcp://Chat.Internal:1")->host == "chat.internal");
    CHECK(parse_app_server("unix://" + ("/" + std::string(106, 'x'))));
    CHECK_FALSE(parse_app_server("unix://" + ("/" + std::string(107, 'x'))));
    for (const auto text : {""sv,
                            "tcp://"sv,
                            "tcp://a"sv,
                            "tcp://:1"sv,
                            "tcp://a:0"sv,
                            "tcp://a:1/"sv,
                            "tcp://u@a:1"sv,
                            "tcp://a..b:1"sv,
                            "tcp://-a:1"sv,
                            "tcp://10.0.0:1"sv,
                            "tcp://1.2.3.4.5:1"sv,
                            "tcp://::1:1"sv,
                            "TCP://a:1"sv,
                            "http://a:1"sv,
                            "unix://"sv,
                            "unix:///"sv,
                            "unix://run/a"sv,
                            "unix:/run/a"sv,
                            "unix:///a\nb"sv,
                            "unix:///a\0b"sv}) {
        CAPTURE(text);
        CHECK_FALSE(parse_app_server(text));
    }
}

TEST_CASE("units: an endpoint is local only if nobody else can answer there", "[config][units]") {
    for (const auto text : {"tcp://127.0.0.1:1"sv, "tcp://127.9.9.9:1"sv, "tcp://localhost:1"sv, "tcp://LocalHost:1"sv,
                            "tcp://[::1]:1"sv, "unix:///a"sv}) {
        CAPTURE(text);
        CHECK(parse_app_server(text)->is_local());
    }
    for (const auto text : {"tcp://10.0.0.1:1"sv, "tcp://127.example.com:1"sv, "tcp://localhost.example.com:1"sv,
                            "tcp://[::]:1"sv, "tcp://0.0.0.0:1"sv}) {
        CAPTURE(text);
        CHECK_FALSE(parse_app_server(text)->is_local());
    }
}

TEST_CASE("units: origins", "[config][units]") {
    CHECK(parse_origin("*") == "*");
    CHECK(parse_origin("https://Example.com") == "https://example.com");
    CHECK(parse_origin("http://localhost:3000") == "http://localhost:3000");
    CHECK(parse_origin("http://[::1]:3000") == "http://[::1]:3000");
    CHECK(parse_origin("http://[::1]") == "http://[::1]");
    CHECK(parse_origin("chrome-extension://abcdef") == "chrome-extension://abcdef");
    for (const auto text :
         {""sv, "null"sv, "example.com"sv, "://a"sv, "https://"sv, "https://a/"sv, "https://a/b"sv, "https://*.a"sv,
          "https://a:0"sv, "https://a:99999"sv, "https://a:"sv, "https://::1"sv, "https://u@a"sv, "https://a b"sv}) {
        CAPTURE(text);
        CHECK_FALSE(parse_origin(text));
    }
}

TEST_CASE("route pattern: right and wrong ones", "[config][route_pattern]") {
    for (const auto text : {"/"sv, "/*"sv, "/a"sv, "/a/"sv, "/a/*"sv, "/a/{x}"sv, "/{x}/{y}/*"sv, "/a.b/~c"sv,
                            "/{x_1}"sv, "/caf\xc3\xa9"sv, "/a b"sv}) {
        CAPTURE(text);
        CHECK(route_pattern_error(text).empty());
    }
    for (const auto text :
         {""sv,         "a"sv,          "*"sv,      "//"sv,   "/a//b"sv, "/./a"sv,  "/a/.."sv, "/*/a"sv,
          "/a*"sv,      "/**"sv,        "/{}"sv,    "/{a"sv,  "/a}"sv,   "/{a}b"sv, "/{1a}"sv, "/{a-b}"sv,
          "/{a}/{a}"sv, "/{a}/b/{a}"sv, "/a%2fb"sv, "/a?b"sv, "/a#b"sv,  "/a\\b"sv, "/a\nb"sv, "/a\0b"sv}) {
        CAPTURE(text);
        CHECK_FALSE(route_pattern_error(text).empty());
    }
    CHECK_FALSE(route_pattern_error("/" + std::string(1024, 'a')).empty());
}

TEST_CASE("route pattern: the shape leaves only names out", "[config][route_pattern]") {
    CHECK(route_shape("/a/{x}/*") == route_shape("/a/{other}/*"));
    CHECK(route_shape("/") == "/");
    CHECK(route_shape("/a") != route_shape("/a/"));
    CHECK(route_shape("/a/*") != route_shape("/a/{x}"));
}
