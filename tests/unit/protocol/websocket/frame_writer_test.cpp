#include "trunkline/protocol/websocket/frame_writer.hpp"

#include <catch2/catch.hpp>

#include "trunkline/protocol/utf8.hpp"

using namespace trunkline::protocol;
using namespace trunkline::protocol::websocket;

TEST_CASE("write_header: final, unmasked, the shortest length", "[protocol][websocket][writer]") {
    struct Row {
        std::uint64_t size;
        std::string expected;
    };
    using namespace std::string_literals;
    const auto row = GENERATE(values<Row>({
        {0, "\x82\x00"s},
        {1, "\x82\x01"s},
        {125, "\x82\x7d"s},
        {126, "\x82\x7e\x00\x7e"s},
        {127, "\x82\x7e\x00\x7f"s},
        {256, "\x82\x7e\x01\x00"s},
        {65535, "\x82\x7e\xff\xff"s},
        {65536, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s},
        {65537, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x01"s},
        {0x123456789a, "\x82\x7f\x00\x00\x00\x12\x34\x56\x78\x9a"s},
    }));
    CAPTURE(row.size);
    char out[kMaxServerHeader];
    const std::size_t size = write_header(out, Opcode::binary, row.size);
    CHECK(std::string(out, size) == row.expected);
}

TEST_CASE("frame writer: the examples of RFC 6455 section 5.7", "[protocol][websocket][writer]") {
    Buffer out = "before";
    append_ping(out, "Hello");
    CHECK(out == "before\x89\x05Hello");

    char header[kMaxServerHeader];
    const auto header_of = [&](Opcode opcode, std::size_t size) {
        return std::string(header, write_header(header, opcode, size));
    };
    CHECK(header_of(Opcode::text, 5) == "\x81\x05");
    CHECK(header_of(Opcode::pong, 5) == "\x8a\x05");
    CHECK(header_of(Opcode::binary, 256) == std::string("\x82\x7e\x01\x00", 4));
    CHECK(header_of(Opcode::binary, 65536) == std::string("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10));
}

TEST_CASE("append_close: code and reason as they may be sent", "[protocol][websocket][writer]") {
    Buffer out;
    SECTION("a code and a reason") {
        append_close(out, 1012, "restart");
        CHECK(out == "\x88\x09\x03\xf4restart");
    }
    SECTION("no code") {
        const auto code = GENERATE(as<std::uint16_t>{}, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535);
        CAPTURE(code);
        append_close(out, code, "unseen");
        CHECK(out == Bytes("\x88\x00", 2));
    }
    SECTION("a reason at the limit, and longer") {
        append_close(out, 1000, std::string(123, 'r'));
        CHECK(out.size() == 2 + 125);
        out.clear();
        append_close(out, 1000, std::string(124, 'r'));
        CHECK(out.size() == 2 + 125);
        CHECK(out[1] == 125);
    }
    SECTION("a long reason is cut between characters") {
        for (std::size_t ascii = 115; ascii <= 123; ++ascii) {
            out.clear();
            append_close(out, 4999, std::string(ascii, 'r') + "\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa9");
            CAPTURE(ascii);
            CHECK(out.size() <= 2 + 125);
            CHECK(is_valid_utf8(Bytes(out).substr(4)));
        }
    }
}

TEST_CASE("append_ping: no control frame is longer than 125 bytes", "[protocol][websocket][writer]") {
    Buffer out;
    append_ping(out, std::string(126, 'p'));
    CHECK(out.size() == 2 + 125);
    CHECK(out[1] == 125);
}

TEST_CASE("may_be_sent: every code", "[protocol][websocket][writer]") {
    for (unsigned code = 0; code <= 0xffff; ++code) {
        const bool expected = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
                              (code >= 3000 && code <= 4999);
        if (may_be_sent(static_cast<std::uint16_t>(code)) != expected) FAIL(code);
    }
    SUCCEED();
}
