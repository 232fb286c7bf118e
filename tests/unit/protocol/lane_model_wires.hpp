// What the lane model sends, and between whom: frames that say whose they are, and lanes with the bytes on their way.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "tests/support/schedules.hpp"
#include "trunkline/protocol/lane/lane.hpp"

namespace trunkline::protocol::model {

using test::Random;
using test::require;
using test::Violation;

// --- Frames: MessagePack [type, bin], the types unknown to the lane, hence sequenced ---

enum class Kind : std::uint8_t {
    answer = 116,
    request = 117,
    open = 118,
    mark = 119,
    data = 120,
    reply = 121,
    fan_all = 122,
    fan_group = 123,
    join = 124,
    leave = 125,
    close = 126
};

struct Frame {
    Kind kind;
    std::uint32_t number;
    std::uint32_t connection;
};

constexpr std::size_t kLeastFrame = 14;

inline std::string encode(const Frame& frame, std::size_t size) {
    const std::size_t content = std::max(size, kLeastFrame) - 6;
    std::string body{'\x92', static_cast<char>(frame.kind), '\xc5', static_cast<char>(content >> 8),
                     static_cast<char>(content)};
    for (const auto value : {frame.number, frame.connection}) {
        for (int shift = 24; shift >= 0; shift -= 8) body += static_cast<char>(value >> shift);
    }
    body.resize(5 + content, static_cast<char>(frame.number));
    std::string out;
    append_length(out, body.size());
    return out + body;
}

inline Frame decode_body(Bytes body) {
    require(body.size() >= kLeastFrame - 1 && body[0] == '\x92' && body[2] == '\xc5', "a frame is damaged");
    const auto number = [body](std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<unsigned char>(body[i]);
        return value;
    };
    const Frame frame{static_cast<Kind>(body[1]), number(5), number(9)};
    require(body.find_first_not_of(static_cast<char>(frame.number), 13) == Bytes::npos, "a payload is damaged");
    return frame;
}

// --- One lane: both ends, and the bytes between them ---

constexpr std::size_t kProxy = 0;
constexpr std::size_t kApp = 1;
constexpr std::size_t kLargestFrame = 301;  // what `encode` makes of 300

// One end of a lane: the Lane and what the model knows of it from outside.
struct End {
    End(Lane::Side side, const LaneSettings& settings) : lane(side, settings) {}

    Lane lane;
    std::string wire;        // written, and not yet read by the other end
    std::uint64_t done = 0;  // bytes of frames from the other end whose effect is done, by the model's own count
    std::deque<std::pair<Frame, std::size_t>> parked;  // handled_means_received only: taken, but not acted on
    std::uint64_t parked_bytes = 0;
};

struct LanePair {
    explicit LanePair(const LaneSettings& settings)
        : ends{End(Lane::Side::proxy, settings), End(Lane::Side::app, settings)} {}

    End& proxy() { return ends[kProxy]; }
    End& app() { return ends[kApp]; }

    std::array<End, 2> ends;
    bool is_up = false;
};

struct Pool {
    std::deque<LanePair> lanes;
    std::size_t next_lane = 0;  // lane_per_message only
};

}  // namespace trunkline::protocol::model
