#include "trunkline/protocol/loopback.hpp"

#include <catch2/catch.hpp>

using trunkline::protocol::is_loopback;
using namespace std::string_view_literals;

TEST_CASE("is_loopback: only what can lead nowhere else", "[protocol][loopback]") {
    for (const auto host :
         {"localhost"sv, "LOCALHOST"sv, "127.0.0.1"sv, "127.255.255.255"sv, "::1"sv, "0:0:0:0:0:0:0:1"sv}) {
        CAPTURE(host);
        CHECK(is_loopback(host));
    }
    for (const auto host :
         {""sv, "localhost.example.com"sv, "127.example.com"sv, "127.0.0.1.example.com"sv, "127.1"sv, "128.0.0.1"sv,
          "0.0.0.0"sv, "::"sv, "fe80::1"sv, "[::1]"sv, "127.0.0.1\0"sv, "10.0.0.1"sv}) {
        CAPTURE(host);
        CHECK_FALSE(is_loopback(host));
    }
}
