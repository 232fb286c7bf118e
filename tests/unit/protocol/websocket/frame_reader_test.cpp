#include "trunkline/protocol/websocket/frame_reader.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/unit/protocol/websocket/client_frames.hpp"

using namespace trunkline::protocol;
using namespace trunkline::protocol::websocket;
using namespace trunkline::protocol::websocket::test;
using namespace std::string_literals;

namespace {

const FrameOptions kFragment{.is_final = false};

ReadResult feed(FrameReader& reader, std::string& chunk, Recorder& sink, const ReadLimits& limits = {}) {
    return reader.feed(chunk, limits, sink);
}

std::size_t expect_failure(Bytes wire, ReadFailure failure, const ReadLimits& limits = {}) {
    FrameReader reader;
    Recorder sink;
    for (std::size_t i = 0; i < wire.size(); ++i) {
        char byte = wire[i];
        const auto result = reader.feed({&byte, 1}, limits, sink);
        if (!result.has_failed()) continue;
        CHECK(result.failure == failure);
        CHECK(reader.has_ended());
        CHECK(reader.spilled_bytes() == 0);
        return i;
    }
    FAIL("no failure");
    return 0;
}

}  // namespace

TEST_CASE("FrameReader: the examples of RFC 6455 section 5.7", "[protocol][websocket][reader]") {
    const std::string hello = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    CHECK(frame(Opcode::text, "Hello") == hello);
    CHECK(read_whole(hello).delivered == std::vector<Delivered>{{"text", "Hello"}});
    CHECK(read_bytewise(hello).delivered == std::vector<Delivered>{{"text", "Hello"}});

    const std::string pong = "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    CHECK(read_bytewise(pong).delivered == std::vector<Delivered>{{"pong", "Hello"}});

    const std::string fragments = frame(Opcode::text, "Hel", kFragment) + frame(Opcode::continuation, "lo");
    CHECK(read_whole(fragments).delivered == std::vector<Delivered>{{"text", "Hello"}});
}

TEST_CASE("FrameReader: every length boundary, whole and cut", "[protocol][websocket][reader]") {
    const std::size_t limit = GENERATE(as<std::size_t>{}, 0, 125, 126, 1000, 65535, 65536, 70000);
    const ReadLimits limits{.max_message_bytes = limit};
    std::vector<std::size_t> sizes{0, 1, 2, 124, 125, 126, 127, 65534, 65535, 65536, 65537, limit, limit + 1};
    if (limit > 0) sizes.push_back(limit - 1);
    for (const std::size_t size : sizes) {
        CAPTURE(limit, size);
        const std::string payload = bytes_of(size);
        const std::string wire = frame(Opcode::text, payload) + frame(Opcode::ping, "next");
        Outcome expected{{{"text", payload}, {"ping", "next"}}, ReadFailure::none, false};
        if (size > limit) expected = {{}, ReadFailure::message_too_big, false};

        CHECK(read_whole(wire, limits) == expected);
        std::vector<std::size_t> cuts;
        for (std::size_t cut = 1; cut < std::min<std::size_t>(wire.size(), 24); ++cut) cuts.push_back(cut);
        CHECK(read_in_pieces(wire, cuts, limits) == expected);
        CHECK(read_in_pieces(wire, {wire.size() / 2}, limits) == expected);
        CHECK(read_in_pieces(wire, {wire.size() - 7}, limits) == expected);
    }
}

TEST_CASE("FrameReader: the limit counts all fragments together", "[protocol][websocket][reader]") {
    const ReadLimits limits{.max_message_bytes = 10};
    const std::string start = frame(Opcode::binary, "123456", kFragment) + frame(Opcode::ping, bytes_of(125));
    CHECK(read_whole(start + frame(Opcode::continuation, "7890"), limits).delivered.back() ==
          Delivered{"binary", "1234567890"});
    const std::string too_long = start + frame(Opcode::continuation, "78901");
    CHECK(read_whole(too_long, limits).failure == ReadFailure::message_too_big);
    CHECK(read_bytewise(too_long, limits).failure == ReadFailure::message_too_big);
    // Known as soon as the length is: neither the mask nor a byte of the payload is waited for.
    CHECK(expect_failure(too_long, ReadFailure::message_too_big, limits) == start.size() + 1);
}

TEST_CASE("FrameReader: lengths near 2^63 and 2^64 do not overflow the sum", "[protocol][websocket][reader]") {
    const std::string start = frame(Opcode::binary, "0123456789", kFragment);
    struct Row {
        std::uint64_t length;
        ReadFailure failure;
        std::size_t max = SIZE_MAX;
    };
    const auto row = GENERATE(values<Row>({
        {0x7fffffffffffffff, ReadFailure::none},
        {0x7fffffffffffffff, ReadFailure::message_too_big, 0x7fffffffffffffff},
        {0x7ffffffffffffff5, ReadFailure::none, 0x7fffffffffffffff},
        {0x7ffffffffffffff6, ReadFailure::message_too_big, 0x7fffffffffffffff},
        {0x8000000000000000, ReadFailure::length_high_bit},
        {0xffffffffffffffff, ReadFailure::length_high_bit},
        {0xfffffffffffffff6, ReadFailure::length_high_bit},
    }));
    CAPTURE(row.length, row.max);
    const std::string wire = start + header(Opcode::continuation, row.length) + "x";
    CHECK(read_whole(wire, {.max_message_bytes = row.max}).failure == row.failure);
    CHECK(read_bytewise(wire, {.max_message_bytes = row.max}).failure == row.failure);
}

TEST_CASE("FrameReader: what is refused, with which code, at which byte", "[protocol][websocket][reader]") {
    struct Row {
        const char* name;
        std::string wire;
        ReadFailure failure;
        std::uint16_t code;
        std::size_t at;  // the byte that decides
    };
    const std::string begun = frame(Opcode::text, "ab", kFragment);
    const FrameOptions bare{.is_masked = false};
    const auto row = GENERATE_COPY(values<Row>({
        {"RSV1", header(1, 0, {.reserved = 0x40}), ReadFailure::reserved_bits, 1002, 0},
        {"RSV2", header(2, 0, {.reserved = 0x20}), ReadFailure::reserved_bits, 1002, 0},
        {"RSV3 on a ping", header(9, 0, {.reserved = 0x10}), ReadFailure::reserved_bits, 1002, 0},
        {"RSV on a continuation", begun + header(0, 0, {.reserved = 0x40}), ReadFailure::reserved_bits, 1002, 8},
        {"opcode 3", header(3, 0), ReadFailure::unknown_opcode, 1002, 0},
        {"opcode 7", header(7, 0), ReadFailure::unknown_opcode, 1002, 0},
        {"opcode 11", header(11, 0), ReadFailure::unknown_opcode, 1002, 0},
        {"opcode 15", header(15, 0), ReadFailure::unknown_opcode, 1002, 0},
        {"opcode 5 inside a message", begun + header(5, 0), ReadFailure::unknown_opcode, 1002, 8},
        {"fragmented close", header(8, 0, kFragment), ReadFailure::fragmented_control, 1002, 0},
        {"fragmented ping", header(9, 0, kFragment), ReadFailure::fragmented_control, 1002, 0},
        {"fragmented pong", header(10, 0, kFragment), ReadFailure::fragmented_control, 1002, 0},
        {"continuation of nothing", frame(Opcode::continuation, "x"), ReadFailure::unexpected_continuation, 1002, 0},
        {"continuation of nothing, not final", header(0, 1, kFragment), ReadFailure::unexpected_continuation, 1002, 0},
        {"continuation after a whole message", frame(Opcode::text, "x") + header(0, 0),
         ReadFailure::unexpected_continuation, 1002, 7},
        {"text inside a message", begun + frame(Opcode::text, "x"), ReadFailure::unfinished_message, 1002, 8},
        {"binary inside a message", begun + frame(Opcode::binary, "x"), ReadFailure::unfinished_message, 1002, 8},
        {"unmasked text", frame(Opcode::text, "Hello", bare), ReadFailure::unmasked, 1002, 1},
        {"unmasked and empty", frame(Opcode::binary, "", bare), ReadFailure::unmasked, 1002, 1},
        {"unmasked ping", frame(Opcode::ping, "x", bare), ReadFailure::unmasked, 1002, 1},
        {"unmasked, long form", header(2, 300, bare), ReadFailure::unmasked, 1002, 1},
        {"ping of 126", frame(Opcode::ping, bytes_of(126)), ReadFailure::long_control, 1002, 1},
        {"pong of 65536", frame(Opcode::pong, bytes_of(65536)), ReadFailure::long_control, 1002, 1},
        {"close of 126", frame(Opcode::close, close_payload(1000, bytes_of(124))), ReadFailure::long_control, 1002, 1},
        {"ping of 5 in 16 bits", frame(Opcode::ping, "Hello", {.length_form = 16}), ReadFailure::long_control, 1002, 1},
        {"0 in 16 bits", header(2, 0, {.length_form = 16}), ReadFailure::long_length_form, 1002, 3},
        {"125 in 16 bits", header(2, 125, {.length_form = 16}), ReadFailure::long_length_form, 1002, 3},
        {"0 in 64 bits", header(2, 0, {.length_form = 64}), ReadFailure::long_length_form, 1002, 9},
        {"125 in 64 bits", header(2, 125, {.length_form = 64}), ReadFailure::long_length_form, 1002, 9},
        {"126 in 64 bits", header(2, 126, {.length_form = 64}), ReadFailure::long_length_form, 1002, 9},
        {"65535 in 64 bits", header(2, 65535, {.length_form = 64}), ReadFailure::long_length_form, 1002, 9},
        {"high bit", header(2, std::uint64_t{1} << 63, {.length_form = 64}), ReadFailure::length_high_bit, 1002, 9},
        {"one byte too many", header(2, 65537), ReadFailure::message_too_big, 1009, 9},
        {"bad UTF-8",
         frame(Opcode::text,
               "ab\xff"
               "cd"),
         ReadFailure::invalid_utf8, 1007, 8},
        {"UTF-8 cut by the end", frame(Opcode::text, "ab\xc3"), ReadFailure::invalid_utf8, 1007, 8},
        {"UTF-8 cut by an empty last fragment",
         frame(Opcode::text, "\xc3", kFragment) + frame(Opcode::continuation, ""), ReadFailure::invalid_utf8, 1007, 12},
        {"UTF-8 bad in a later fragment", begun + frame(Opcode::continuation, "\xed\xa0\x80", kFragment),
         ReadFailure::invalid_utf8, 1007, 15},
        {"close of one byte", frame(Opcode::close, "x"), ReadFailure::bad_close_payload, 1002, 6},
        {"close 0", frame(Opcode::close, close_payload(0, "")), ReadFailure::bad_close_payload, 1002, 7},
        {"close 999", frame(Opcode::close, close_payload(999, "")), ReadFailure::bad_close_payload, 1002, 7},
        {"close 1004", frame(Opcode::close, close_payload(1004, "")), ReadFailure::bad_close_payload, 1002, 7},
        {"close 1005", frame(Opcode::close, close_payload(1005, "")), ReadFailure::bad_close_payload, 1002, 7},
        {"close 1006", frame(Opcode::close, close_payload(1006, "")), ReadFailure::bad_close_payload, 1002, 7},
        {"close 1015", frame(Opcode::close, close_payload(1015, "")), ReadFailure::bad_close_payload, 1002, 7},
        {"close 2999", frame(Opcode::close, close_payload(2999, "")), ReadFailure::bad_close_payload, 1002, 7},
        {"close 5000", frame(Opcode::close, close_payload(5000, "")), ReadFailure::bad_close_payload, 1002, 7},
        {"close 65535", frame(Opcode::close, close_payload(65535, "")), ReadFailure::bad_close_payload, 1002, 7},
        {"close, bad reason", frame(Opcode::close, close_payload(1000, "a\xff")), ReadFailure::invalid_close_reason,
         1007, 9},
        {"close, cut reason", frame(Opcode::close, close_payload(1000, "\xe2\x82")), ReadFailure::invalid_close_reason,
         1007, 9},
    }));
    CAPTURE(row.name);
    const std::string before = frame(Opcode::ping, "before");
    const std::string after = frame(Opcode::text, "after");
    CHECK(expect_failure(row.wire + after, row.failure) == row.at);

    auto whole = read_whole(before + row.wire + after);
    auto cut = read_bytewise(before + row.wire + after);
    CHECK(whole == cut);
    CHECK(whole.failure == row.failure);
    CHECK(whole.delivered.front() == Delivered{"ping", "before"});
    CHECK(std::none_of(whole.delivered.begin(), whole.delivered.end(), [](auto& it) { return it.bytes == "after"; }));
    CHECK(static_cast<std::uint16_t>(close_code(row.failure)) == row.code);
    CHECK_FALSE(describe(row.failure).empty());
}

TEST_CASE("FrameReader: bad UTF-8 fails at its first bad byte, however it arrives", "[protocol][websocket][reader]") {
    struct Row {
        std::string text;
        std::size_t bad;
    };
    const auto row = GENERATE(values<Row>({{"\xc0\xaf", 0},
                                           {"\xe0\x80\xaf", 1},
                                           {"\xed\xa0\x80", 1},
                                           {"\xf4\x90\x80\x80", 1},
                                           {"\xf5\x80", 0},
                                           {"\xe2\x82\x28", 2},
                                           {"\xf0\x9f\x98\x28", 3},
                                           {"\x80", 0}}));
    const std::string start = "\xce\xba\xe1\xbd\xb9 ";
    const std::string text = start + row.text + "the rest of a long message that never arrives";
    const std::size_t bad = start.size() + row.bad;
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {  // in two fragments cut anywhere, a ping in between
        CAPTURE(row.text, cut);
        const std::string first = frame(Opcode::text, text.substr(0, cut), kFragment);
        const std::string wire = first + frame(Opcode::ping, "p") + frame(Opcode::continuation, text.substr(cut));
        const std::size_t expected = cut > bad ? 6 + bad : first.size() + 7 + 6 + bad - cut;
        CHECK(expect_failure(wire, ReadFailure::invalid_utf8) == expected);
        CHECK(read_whole(wire).failure == ReadFailure::invalid_utf8);
    }
}

TEST_CASE("FrameReader: fragments with control frames between and empty ones", "[protocol][websocket][reader]") {
    const std::string wire = frame(Opcode::text, "", kFragment) + frame(Opcode::ping, "1") +
                             frame(Opcode::continuation, "caf\xc3", kFragment) + frame(Opcode::pong, bytes_of(125)) +
                             frame(Opcode::continuation, "", kFragment) + frame(Opcode::ping, "") +
                             frame(Opcode::continuation, "\xa9", kFragment) + frame(Opcode::continuation, "") +
                             frame(Opcode::binary, "\xff\x00"s) + frame(Opcode::close, close_payload(4321, "bye"));
    const std::vector<Delivered> expected{{"ping", "1"},           {"pong", bytes_of(125)}, {"ping", ""},
                                          {"text", "caf\xc3\xa9"}, {"binary", "\xff\x00"s}, {"close", "bye", 4321}};
    CHECK(read_whole(wire).delivered == expected);
    CHECK(read_bytewise(wire).delivered == expected);
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        CAPTURE(cut);
        CHECK(read_in_pieces(wire, {cut}).delivered == expected);
    }
}

TEST_CASE("FrameReader: close frames", "[protocol][websocket][reader]") {
    struct Row {
        std::string payload;
        std::uint16_t code;
        std::string reason;
    };
    const auto row = GENERATE(values<Row>({{"", 1005, ""},
                                           {close_payload(1000, ""), 1000, ""},
                                           {close_payload(1003, "no"), 1003, "no"},
                                           {close_payload(1007, ""), 1007, ""},
                                           {close_payload(1014, ""), 1014, ""},
                                           {close_payload(3000, ""), 3000, ""},
                                           {close_payload(4999, "\xe2\x82\xac"), 4999, "\xe2\x82\xac"},
                                           {close_payload(1000, std::string(123, 'r')), 1000, std::string(123, 'r')}}));
    CAPTURE(row.code);
    // What follows a close frame is ignored, even nonsense.
    const std::string wire = frame(Opcode::text, "half", kFragment) + frame(Opcode::close, row.payload) +
                             "\xff\xff nonsense" + frame(Opcode::text, "after");
    const Outcome expected{{{"close", row.reason, row.code}}, ReadFailure::none, false};
    CHECK(read_whole(wire) == expected);
    CHECK(read_bytewise(wire) == expected);
}

TEST_CASE("FrameReader: as many fragments as allowed, and one more", "[protocol][websocket][reader]") {
    const std::uint32_t max = GENERATE(as<std::uint32_t>{}, 1, 2, 3, 1024);
    const ReadLimits limits{.max_message_bytes = 1 << 20, .max_fragments = max};
    const auto message = [](std::uint32_t fragments) {
        std::string wire;
        for (std::uint32_t i = 0; i < fragments; ++i) {
            wire += frame(i == 0 ? Opcode::binary : Opcode::continuation, "", {.is_final = i + 1 == fragments});
            if (i + 1 < fragments) wire += frame(Opcode::pong, "");  // control frames do not count
        }
        return wire;
    };
    CAPTURE(max);
    const auto allowed = read_whole(message(max) + message(max), limits);
    CHECK(allowed.failure == ReadFailure::none);
    CHECK(std::count(allowed.delivered.begin(), allowed.delivered.end(), Delivered{"binary", ""}) == 2);
    CHECK(read_whole(message(max + 1), limits).failure == ReadFailure::too_many_fragments);
    CHECK(read_bytewise(message(max + 1), limits).failure == ReadFailure::too_many_fragments);
}

TEST_CASE("FrameReader: a whole message is a view of the chunk, also in fragments", "[protocol][websocket][reader]") {
    std::string chunk = frame(Opcode::text, "one") + frame(Opcode::binary, "tw", kFragment) +
                        frame(Opcode::ping, "between") + frame(Opcode::continuation, "o") + frame(Opcode::pong, "");
    FrameReader reader;
    Recorder sink;
    CHECK(feed(reader, chunk, sink).consumed == chunk.size());
    CHECK(sink.delivered ==
          std::vector<Delivered>{{"text", "one"}, {"ping", "between"}, {"binary", "two"}, {"pong", ""}});
    for (const char* place : sink.places) {
        CHECK(place >= chunk.data());
        CHECK(place <= chunk.data() + chunk.size());
    }
    CHECK_FALSE(reader.has_partial());
    CHECK(reader.spilled_bytes() == 0);
}

TEST_CASE("FrameReader: a message moved together does not overwrite what follows it", "[protocol][websocket][reader]") {
    std::string wire;
    std::vector<Delivered> expected;
    for (std::size_t size : {0, 1, 7, 126, 4000}) {
        for (std::size_t parts = 2; parts < 6; ++parts) {
            std::string message;
            for (std::size_t i = 0; i < parts; ++i) {
                const auto part = bytes_of(size, static_cast<unsigned>(size * 10 + parts * 100 + i));
                wire += frame(i == 0 ? Opcode::binary : Opcode::continuation, part, {.is_final = i + 1 == parts});
                message += part;
            }
            expected.push_back({"binary", message});
            wire += frame(Opcode::text, "after");
            expected.push_back({"text", "after"});
        }
    }
    CHECK(read_whole(wire).delivered == expected);
}

TEST_CASE("FrameReader: a sink that stops leaves the rest to its caller", "[protocol][websocket][reader]") {
    const std::string wire = frame(Opcode::text, "one") + frame(Opcode::binary, "tw", kFragment) +
                             frame(Opcode::ping, "p") + frame(Opcode::continuation, "o") + frame(Opcode::pong, "q") +
                             frame(Opcode::text, "three") + frame(Opcode::text, "unfinished").substr(0, 9);
    const auto all = read_whole(wire).delivered;
    REQUIRE(all.size() == 5);
    for (std::size_t stop = 1; stop <= all.size(); ++stop) {
        CAPTURE(stop);
        FrameReader reader;
        Recorder sink;
        sink.stop_after = stop;
        std::string rest = wire;
        auto result = feed(reader, rest, sink);
        CHECK(sink.delivered.size() == stop);
        REQUIRE(result.consumed < wire.size());
        CHECK(reader.has_partial() == (stop == 2));  // inside "two", of which the heap now holds "tw"

        rest.erase(0, result.consumed);
        std::string held = rest;  // moved elsewhere, as a caller that keeps it does
        rest.assign(rest.size(), '\xdd');
        sink.stop_after = SIZE_MAX;
        result = feed(reader, held, sink);
        CHECK(result.consumed == held.size());
        CHECK(sink.delivered == all);
        CHECK(reader.has_partial());
    }
}

TEST_CASE("FrameReader: one message at a time gives the same as all at once", "[protocol][websocket][reader]") {
    std::string rest =
        frame(Opcode::text, "a") + frame(Opcode::text, "") + frame(Opcode::close, close_payload(1000, "x"));
    FrameReader reader;
    Recorder sink;
    for (std::size_t i = 1; i <= 3; ++i) {
        sink.stop_after = i;
        rest.erase(0, feed(reader, rest, sink).consumed);
        CHECK(sink.delivered.size() == i);
    }
    CHECK(rest.empty());
    CHECK(reader.has_ended());
}

TEST_CASE("FrameReader: after its end nothing is delivered", "[protocol][websocket][reader]") {
    const std::string wire = GENERATE(frame(Opcode::close, ""), frame(Opcode::text, "\xff"), header(3, 0));
    FrameReader reader;
    Recorder sink;
    std::string chunk = wire;
    feed(reader, chunk, sink);
    REQUIRE(reader.has_ended());
    const auto count = sink.delivered.size();
    for (int i = 0; i < 3; ++i) {
        chunk = frame(Opcode::text, "late") + "\xff\xff";
        const auto result = feed(reader, chunk, sink);
        CHECK(result.consumed == chunk.size());
        CHECK_FALSE(result.has_failed());
    }
    CHECK(sink.delivered.size() == count);
    CHECK_FALSE(reader.has_partial());
}

TEST_CASE("FrameReader: memory follows what has arrived, not what was announced", "[protocol][websocket][reader]") {
    constexpr std::size_t kOverhead = 128;
    const ReadLimits limits{.max_message_bytes = 1 << 20, .max_fragments = 1 << 20};
    FrameReader reader;
    Recorder sink;

    SECTION("idle") {
        std::string chunk = frame(Opcode::text, bytes_of(5000));
        feed(reader, chunk, sink, limits);
        chunk.clear();
        feed(reader, chunk, sink, limits);
        CHECK_FALSE(reader.has_partial());
        CHECK(reader.spilled_bytes() == 0);
    }
    SECTION("an announced mebibyte that does not come") {
        std::string chunk = header(Opcode::binary, 1 << 20) + "x";
        feed(reader, chunk, sink, limits);
        CHECK(reader.has_partial());
        CHECK(reader.spilled_bytes() <= kOverhead + 1);
    }
    SECTION("a tail is kept at its exact size") {
        std::string chunk = header(Opcode::binary, 5000) + bytes_of(3000);
        feed(reader, chunk, sink, limits);
        CHECK(reader.spilled_bytes() >= 3000);
        CHECK(reader.spilled_bytes() <= 3000 + kOverhead);
        chunk = bytes_of(1999);  // all but one: the block never outgrows the message
        feed(reader, chunk, sink, limits);
        CHECK(reader.spilled_bytes() <= 5000 + kOverhead);
        chunk = "x";
        feed(reader, chunk, sink, limits);
        CHECK(sink.delivered.back().bytes.size() == 5000);
        CHECK(reader.spilled_bytes() == 0);
    }
    SECTION("what begins behind a long message costs only itself") {
        const std::string begun =
            GENERATE(frame(Opcode::ping, "abc").substr(0, 8), header(Opcode::text, 9).substr(0, 3));
        std::string chunk = frame(Opcode::binary, bytes_of(3000), kFragment) + frame(Opcode::continuation, "x") + begun;
        feed(reader, chunk, sink, limits);
        CHECK(reader.has_partial());
        CHECK(reader.spilled_bytes() <= kOverhead + 2);
    }
    SECTION("what begins behind a message that was spilled costs only itself") {
        std::string chunk = header(Opcode::binary, 3001) + bytes_of(3000);
        feed(reader, chunk, sink, limits);
        chunk = "x" + header(Opcode::text, 9).substr(0, 3);
        feed(reader, chunk, sink, limits);
        REQUIRE(sink.delivered.size() == 1);
        CHECK(reader.has_partial());
        CHECK(reader.spilled_bytes() <= kOverhead);
    }
    SECTION("dribbled byte by byte") {
        std::string wire = frame(Opcode::binary, bytes_of(100000));
        for (std::size_t i = 0; i + 1 < wire.size(); ++i) {
            reader.feed({&wire[i], 1}, limits, sink);
            if (reader.spilled_bytes() > kOverhead + 2 * (i + 1))
                FAIL("at byte " << i << ": " << reader.spilled_bytes());
        }
        reader.feed({&wire.back(), 1}, limits, sink);
        CHECK(sink.delivered.size() == 1);
        CHECK(reader.spilled_bytes() == 0);
    }
    SECTION("a flood of tiny fragments with control frames between") {
        std::size_t payload = 0;
        for (int i = 0; i < 20000; ++i) {
            std::string chunk =
                frame(i == 0 ? Opcode::binary : Opcode::continuation, i % 2 == 0 ? "x" : "", kFragment) +
                frame(Opcode::ping, bytes_of(125));
            payload += i % 2 == 0;
            const std::size_t cut = static_cast<std::size_t>(i) % chunk.size();
            reader.feed({chunk.data(), cut}, limits, sink);
            reader.feed({chunk.data() + cut, chunk.size() - cut}, limits, sink);
            if (reader.spilled_bytes() > kOverhead + 2 * (payload + 125)) FAIL(i << ": " << reader.spilled_bytes());
        }
        CHECK(sink.delivered.size() == 20000);
    }
    SECTION("never more than the limit and a control frame") {
        std::size_t most = 0;
        const ReadLimits small{.max_message_bytes = 10000, .max_fragments = 1 << 20};
        for (int i = 0; i < 10000; ++i) {
            std::string chunk = frame(i == 0 ? Opcode::binary : Opcode::continuation, "x", kFragment);
            feed(reader, chunk, sink, small);
            most = std::max(most, reader.spilled_bytes());
        }
        CHECK(most <= 10000 + kOverhead);
        std::string chunk = frame(Opcode::continuation, "");
        feed(reader, chunk, sink, small);
        CHECK(sink.delivered.back().bytes == std::string(10000, 'x'));
    }
}

TEST_CASE("FrameReader: a limit that shrinks takes effect with the next frame", "[protocol][websocket][reader]") {
    FrameReader reader;
    Recorder sink;
    std::string chunk = frame(Opcode::binary, bytes_of(100), kFragment);
    REQUIRE_FALSE(feed(reader, chunk, sink, {.max_message_bytes = 1000}).has_failed());
    chunk = frame(Opcode::continuation, "");
    CHECK(feed(reader, chunk, sink, {.max_message_bytes = 50}).failure == ReadFailure::message_too_big);
}
