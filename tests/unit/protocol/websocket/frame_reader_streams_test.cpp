// Streams that no table has: random ones, cut anywhere, truncated anywhere, damaged anywhere.
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

#include "tests/unit/protocol/websocket/client_frames.hpp"

using namespace trunkline::protocol;
using namespace trunkline::protocol::websocket;
using namespace trunkline::protocol::websocket::test;

namespace {

// A stream of good messages as some client might send it, with what must come out.
struct Stream {
    std::string wire;
    std::vector<Delivered> expected;
    std::vector<std::size_t> ends;      // where in the wire each was complete
    std::vector<std::size_t> quiet{0};  // where nothing is pending
};

enum class Sizes { small, all };

Stream random_stream(std::mt19937& random, std::size_t messages, Sizes sizes) {
    const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
    Stream stream;
    const auto mask = [&] {
        MaskKey key;
        for (auto& c : key.bytes) c = static_cast<char>(random());
        return key;
    };
    const auto control = [&] {
        const bool ping = below(2) == 0;
        const auto payload = bytes_of(below(8) == 0 ? 125 : below(6), static_cast<unsigned>(random()));
        stream.wire += frame(ping ? Opcode::ping : Opcode::pong, payload, {.mask = mask()});
        stream.expected.push_back({ping ? "ping" : "pong", payload});
        stream.ends.push_back(stream.wire.size());
    };
    const char* const characters[] = {"a", "bcdefghijk", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (std::size_t i = 0; i < messages; ++i) {
        if (below(4) == 0) {
            control();
            stream.quiet.push_back(stream.wire.size());
            continue;
        }
        const bool text = below(2) == 0;
        std::string message;
        const std::size_t length = sizes == Sizes::all && below(40) == 0 ? 65000 + below(536)
                                   : below(5) == 0                       ? 120 + below(12)
                                                                         : below(40);
        while (message.size() < length) {
            if (text)
                message += characters[below(std::size(characters))];
            else
                message += static_cast<char>(random());
        }
        const std::size_t fragments = below(3) == 0 ? 1 + below(6) : 1;
        std::size_t at = 0;
        for (std::size_t f = 0; f < fragments; ++f) {
            const bool last = f + 1 == fragments;
            const std::size_t size = last ? message.size() - at : below(message.size() - at + 1);
            stream.wire += frame(f > 0  ? Opcode::continuation
                                 : text ? Opcode::text
                                        : Opcode::binary,
                                 Bytes(message).substr(at, size), {.is_final = last, .mask = mask()});
            at += size;
            if (!last && below(3) == 0) control();
        }
        stream.expected.push_back({text ? "text" : "binary", message});
        stream.ends.push_back(stream.wire.size());
        stream.quiet.push_back(stream.wire.size());
    }
    return stream;
}

std::vector<std::size_t> random_cuts(std::mt19937& random, std::size_t size) {
    std::vector<std::size_t> cuts;
    const std::size_t step = std::size_t{1} << random() % 16;
    for (std::size_t at = random() % step; at < size; at += 1 + random() % (2 * step)) cuts.push_back(at);
    return cuts;
}

}  // namespace

TEST_CASE("FrameReader: random streams in random cuts", "[protocol][websocket][reader]") {
    const ReadLimits limits{.max_message_bytes = 66000};
    for (unsigned seed = 1; seed <= 200; ++seed) {
        std::mt19937 random(seed);
        const Stream stream = random_stream(random, 1 + random() % 30, Sizes::all);
        const Outcome expected{stream.expected, ReadFailure::none, false};
        if (read_whole(stream.wire, limits) != expected) FAIL("whole, seed " << seed);
        for (int i = 0; i < 5; ++i) {
            if (read_in_pieces(stream.wire, random_cuts(random, stream.wire.size()), limits) != expected) {
                FAIL("cut, seed " << seed);
            }
        }
    }
    SUCCEED();
}

TEST_CASE("FrameReader: every truncation is a beginning, never a failure", "[protocol][websocket][reader]") {
    for (unsigned seed = 1; seed <= 10; ++seed) {
        std::mt19937 random(seed);
        const Stream stream = random_stream(random, 20, Sizes::small);
        for (std::size_t size = 0; size <= stream.wire.size(); ++size) {
            const auto complete = std::upper_bound(stream.ends.begin(), stream.ends.end(), size) - stream.ends.begin();
            const bool quiet = std::binary_search(stream.quiet.begin(), stream.quiet.end(), size);
            const Outcome expected{
                {stream.expected.begin(), stream.expected.begin() + complete}, ReadFailure::none, !quiet};
            const Bytes wire = Bytes(stream.wire).substr(0, size);
            if (read_whole(wire) != expected) FAIL("seed " << seed << ", size " << size);
            if (read_in_pieces(wire, {size / 3, size / 2}) != expected) FAIL("cut, seed " << seed << ", size " << size);
        }
    }
    SUCCEED();
}

TEST_CASE("FrameReader: damaged streams end the same way in every cut", "[protocol][websocket][reader]") {
    int failures = 0;
    for (unsigned seed = 1; seed <= 2000; ++seed) {
        std::mt19937 random(seed);
        const ReadLimits limits{.max_message_bytes = 100 + random() % 1000,
                                .max_fragments = static_cast<std::uint32_t>(1 + random() % 5)};
        Stream stream = random_stream(random, 1 + random() % 8, Sizes::small);
        for (auto n = 1 + random() % 3; n > 0; --n) {
            auto& byte = stream.wire[random() % std::min<std::size_t>(stream.wire.size(), 600)];
            byte = static_cast<char>(byte ^ (1 << random() % 8));
        }
        const Outcome whole = read_whole(stream.wire, limits);
        failures += whole.failure != ReadFailure::none;
        if (read_in_pieces(stream.wire, random_cuts(random, stream.wire.size()), limits) != whole)
            FAIL("seed " << seed);
        if (stream.wire.size() < 400 && read_bytewise(stream.wire, limits) != whole) FAIL("bytewise, seed " << seed);
    }
    CHECK(failures > 1000);
}
