#pragma once

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "trunkline/protocol/lane/lane.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::protocol::test {

using namespace std::chrono_literals;

inline constexpr TimePoint kStart{std::chrono::hours(1)};

/// A sequenced frame of exactly `size` bytes (at least 6, and not one that no length prefix gives, like 129)
/// of a type that the lane does not know.
inline std::string frame_of(std::size_t size, char fill = 'x') {
    const std::size_t prefix = size < 129 ? 1 : size < 16386 ? 2 : size < 2097155 ? 3 : 4;
    std::string body{'\x92', '\x7f', '\xc6'};
    body.resize(size - prefix, fill);
    std::string out;
    append_length(out, body.size());
    out += body;
    REQUIRE(out.size() == size);
    return out;
}

inline std::string ack_of(std::uint64_t handled, std::uint64_t limit, std::uint64_t stamp = 0) {
    Buffer out;
    append(out, Ack{handled, limit, stamp});
    return out;
}

inline std::string bye() {
    Buffer out;
    append(out, Bye{ByeCode::stopping, "bye"});
    return out;
}

struct Recorder {
    std::vector<std::string> taken{};
    std::vector<std::uint32_t> unsequenced{};
    std::size_t room = SIZE_MAX;  ///< frames it takes before it says `later`

    Result<Handled> on_sequenced(Bytes body) {
        if (taken.size() >= room) return Handled::later;
        taken.emplace_back(body);
        return Handled::done;
    }
    Result<void> on_unsequenced(std::uint32_t type, Bytes) {
        unsequenced.push_back(type);
        return protocol::success();
    }
};

/// All that may be written now, as one string.
inline std::string offered(Lane& lane, TimePoint now = kStart) {
    std::array<Bytes, 64> views;
    const auto count = lane.gather(views, now);
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += views[i];
    return all;
}

inline std::string write_all(Lane& lane, TimePoint now = kStart) {
    auto all = offered(lane, now);
    lane.written(all.size());
    return all;
}

struct LaneFixture {
    explicit LaneFixture(const LaneSettings& settings = {}, Lane::Side side = Lane::Side::proxy,
                         std::uint64_t limit = 1 << 20)
        : lane(side, settings) {
        REQUIRE(lane.attach(0, limit, kStart));
        if (side == Lane::Side::app) write_all(lane);  // its first stamp
    }

    Result<void> receive(Bytes chunk, TimePoint now = kStart) { return lane.receive(chunk, now, handler); }

    Lane lane;
    Recorder handler;
};

}  // namespace trunkline::protocol::test
