#include "trunkline/protocol/service/framing.hpp"

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace trunkline::protocol;

namespace {

Bytes operator""_b(const char* text, std::size_t size) { return {text, size}; }

}  // namespace

TEST_CASE("framing: lengths round-trip in their shortest form", "[protocol][framing]") {
    struct Row {
        std::size_t length;
        std::size_t prefix;
    };
    const auto row = GENERATE(values<Row>({{0, 1},
                                           {1, 1},
                                           {125, 1},
                                           {126, 1},
                                           {127, 1},
                                           {128, 2},
                                           {16383, 2},
                                           {16384, 3},
                                           {65535, 3},
                                           {65536, 3},
                                           {2097151, 3},
                                           {2097152, 4},
                                           {268435455, 4},
                                           {268435456, 5},
                                           {kMaxFrameLength, 5}}));
    CAPTURE(row.length);
    Buffer out;
    append_length(out, row.length);
    REQUIRE(out.size() == row.prefix);
    for (std::size_t cut = 0; cut < out.size(); ++cut) {
        const auto part = read_length(Bytes(out).substr(0, cut), kMaxFrameLength);
        REQUIRE(part);
        CHECK_FALSE(part.value());
    }
    out += "body";
    const auto whole = read_length(out, kMaxFrameLength);
    REQUIRE(whole);
    REQUIRE(whole.value());
    CHECK(whole.value()->prefix == row.prefix);
    CHECK(whole.value()->body == row.length);
    CHECK(whole.value()->total() == row.prefix + row.length);
}

TEST_CASE("framing: longer forms of a small length are taken as they are", "[protocol][framing]") {
    const auto length = read_length("\x82\x80\x00"_b, 100);
    REQUIRE(length);
    REQUIRE(length.value());
    CHECK(length.value()->prefix == 3);
    CHECK(length.value()->body == 2);
}

TEST_CASE("framing: illegal prefixes and too large frames are refused", "[protocol][framing]") {
    CHECK(read_length("\xff\xff\xff\xff\x08"_b, kMaxFrameLength).error() == errc::bad_length_prefix);
    CHECK(read_length("\x80\x80\x80\x80\x80\x00"_b, kMaxFrameLength).error() == errc::bad_length_prefix);
    CHECK(read_length("\xff\xff\xff\xff\x07"_b, kMaxFrameLength));
    CHECK(read_length("\x64"_b, 100));
    CHECK(read_length("\x65"_b, 100).error() == errc::frame_too_large);
    CHECK(read_length("\xff\xff\xff\xff\x07"_b, kDefaultMaxFrame).error() == errc::frame_too_large);
}

TEST_CASE("framing: the type is read without the rest", "[protocol][framing]") {
    struct Row {
        Bytes body;
        std::uint32_t type;
    };
    const auto row = GENERATE(values<Row>({{"\x91\x03"_b, 3},
                                           {"\x93\x6e"_b, 110},
                                           {"\x9f\xcc\xc8"_b, 200},
                                           {"\xdc\x00\x02\xcd\x00\x06"_b, 6},
                                           {"\xdd\x00\x00\x00\x01\xd2\x00\x00\x00\x27"_b, 39},
                                           {"\x91\xce\xff\xff\xff\xff"_b, 0xffffffff}}));
    const auto type = peek_type(row.body);
    REQUIRE(type);
    CHECK(type.value() == row.type);
}

TEST_CASE("framing: what has no type is refused", "[protocol][framing]") {
    struct Row {
        Bytes body;
        errc error;
    };
    const auto row = GENERATE(values<Row>({{""_b, errc::truncated},
                                           {"\x90"_b, errc::missing_field},
                                           {"\x80"_b, errc::bad_type},
                                           {"\xc0"_b, errc::bad_type},
                                           {"\x91"_b, errc::truncated},
                                           {"\x91\xa1\x33"_b, errc::bad_type},
                                           {"\x91\xff"_b, errc::out_of_range},
                                           {"\x91\xcf\x00\x00\x00\x01\x00\x00\x00\x00"_b, errc::out_of_range},
                                           {"\xdc\x00"_b, errc::truncated}}));
    CAPTURE(hex(row.body));
    CHECK(peek_type(row.body).error() == row.error);
    Reencoder sink;
    CHECK(decode(row.body, sink).error() == row.error);
}

TEST_CASE("framing: types 1-3 and 100-109 are outside the sequence", "[protocol][framing]") {
    for (std::uint32_t type = 0; type < 300; ++type) {
        CAPTURE(type);
        CHECK(is_sequenced(type) == !((type >= 1 && type <= 3) || (type >= 100 && type < 110)));
    }
    CHECK(is_sequenced(0xffffffff));
}
