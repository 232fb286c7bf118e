#include "trunkline/protocol/websocket/handshake.hpp"

#include <catch2/catch.hpp>

using namespace trunkline::protocol::websocket;

TEST_CASE("accept_key: the example of RFC 6455 section 1.3", "[protocol][websocket][handshake]") {
    CHECK(accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    CHECK(accept_key("x3JJHMbDL1EzLkh9GBhXDw==") == "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

TEST_CASE("is_valid_key: 22 characters of base64 and two of padding", "[protocol][websocket][handshake]") {
    CHECK(is_valid_key("dGhlIHNhbXBsZSBub25jZQ=="));
    CHECK(is_valid_key("+/+/+/+/+/+/+/+/+/+/+/=="));
    const auto key = GENERATE(
        as<std::string>{}, "", "==", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZQAA",
        "dGhlIHNhbXBsZSBub25jZ===", "dGhlIHNhbXBsZSBub25jZQ= ", "dGhlIHNhbXBsZSBub25-ZQ==", "dGhlIHNhbXBsZSBub25_ZQ==",
        " GhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBs\r\nBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQdGhlIHNhbXBsZSBub25jZQ==");
    CAPTURE(key);
    CHECK_FALSE(is_valid_key(key));
    CHECK_FALSE(is_valid_key(std::string("dGhlIHNhbXBs\0SBub25jZQ==", 24)));
}
