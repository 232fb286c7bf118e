#include "tests/unit/protocol/lane_fixture.hpp"

using namespace trunkline::protocol;
using namespace trunkline::protocol::test;

namespace {

LaneSettings with_ring(std::uint64_t bytes) {
    LaneSettings settings;
    settings.ring_bytes = bytes;
    return settings;
}

}  // namespace

TEST_CASE("Lane: the ring takes a frame while it holds less than its size", "[protocol][lane]") {
    const std::uint64_t ring = GENERATE(as<std::uint64_t>{}, 100, 65536, 70000);
    for (const std::int64_t more : {-1, 0, 1}) {
        CAPTURE(ring, more);
        LaneFixture it(with_ring(ring));
        CHECK(it.lane.room() == ring);
        const auto held = static_cast<std::uint64_t>(static_cast<std::int64_t>(ring) + more);
        it.lane.append(frame_of(held));
        CHECK(it.lane.held_bytes() == held);
        CHECK(it.lane.has_room() == (more < 0));
        CHECK(it.lane.room() == (more < 0 ? 1u : 0u));

        const auto left = static_cast<std::size_t>(ring + kReserve - held);
        CHECK(it.lane.has_reserve(left));
        CHECK_FALSE(it.lane.has_reserve(left + 1));
    }
}

TEST_CASE("Lane: room comes back with the peer's Ack", "[protocol][lane]") {
    LaneFixture it(with_ring(100));
    it.lane.append(frame_of(60));
    it.lane.append(frame_of(60));
    CHECK_FALSE(it.lane.has_room());
    write_all(it.lane);
    REQUIRE(it.receive(ack_of(60, 1 << 20)));
    CHECK(it.lane.has_room());
    CHECK(it.lane.room() == 40);
    CHECK(it.lane.peer_handled() == 60);
    REQUIRE(it.receive(ack_of(120, 1 << 20)));
    CHECK(it.lane.held_bytes() == 0);
}

TEST_CASE("Lane: a frame is written while its first byte is below the peer's limit", "[protocol][lane]") {
    struct Row {
        std::uint64_t limit;
        std::size_t frames;  // of 100 bytes, that may be written
    };
    const auto row = GENERATE(values<Row>(
        {{0, 0}, {1, 1}, {99, 1}, {100, 1}, {101, 2}, {199, 2}, {200, 2}, {201, 3}, {299, 3}, {300, 3}, {301, 3}}));
    CAPTURE(row.limit);
    const bool append_first = GENERATE(true, false);  // the limit widens over what waits, or is there already
    LaneFixture it({}, Lane::Side::proxy, append_first ? 0 : row.limit);
    for (const char fill : {'a', 'b', 'c'}) it.lane.append(frame_of(100, fill));
    if (append_first) REQUIRE(it.receive(ack_of(0, row.limit)));
    CHECK(it.lane.has_output(kStart) == (row.frames > 0));
    CHECK(write_all(it.lane).size() == 100 * row.frames);
    CHECK_FALSE(it.lane.has_output(kStart));

    REQUIRE(it.receive(ack_of(0, 0)));  // a limit only grows: an older one changes nothing
    it.lane.append(frame_of(100));
    CHECK(offered(it.lane).size() == (row.limit > 300 ? 100 : 0));
}

TEST_CASE("Lane: a frame at or above the announced limit ends the pool", "[protocol][lane]") {
    LaneSettings settings;
    settings.window_bytes = 1000;
    const std::size_t first = GENERATE(as<std::size_t>{}, 998, 999, 1000, 1001);
    CAPTURE(first);
    LaneFixture it(settings);
    it.handler.room = 0;  // nothing is handled, so the limit stays
    REQUIRE(it.receive(frame_of(first)));
    const auto result = it.receive(frame_of(10));
    CHECK(result.has_value() == (first < 1000));
    if (!result) {
        CHECK(result.error() == errc::over_limit);
        CHECK(it.lane.received() == first);  // the offset of the offending frame
    }
    CHECK(it.receive(bye()));  // unsequenced frames ignore it
}

TEST_CASE("Lane: the limit counts from when it was announced, not from when it moved", "[protocol][lane]") {
    LaneSettings settings;
    settings.window_bytes = 100;
    LaneFixture it(settings);
    REQUIRE(it.receive(frame_of(100)));
    CHECK(it.lane.limit() == 200);
    SECTION("not told yet") { CHECK(it.receive(frame_of(10)).error() == errc::over_limit); }
    SECTION("told") {
        CHECK(write_all(it.lane, kStart + 50ms) == ack_of(100, 200));
        CHECK(it.receive(frame_of(10)));
    }
}

TEST_CASE("Lane: the largest frame, and one byte more", "[protocol][lane]") {
    LaneSettings settings;
    settings.max_frame_bytes = 1000;  // without the length prefix
    LaneFixture it(settings);
    const bool is_cut = GENERATE(false, true);
    const auto feed = [&](const std::string& bytes) -> Result<void> {
        if (!is_cut) return it.receive(bytes);
        for (const char& byte : bytes) {
            if (auto result = it.receive({&byte, 1}); !result) return result;
        }
        return trunkline::protocol::success();
    };
    REQUIRE(feed(frame_of(1002)));
    CHECK(it.handler.taken.size() == 1);
    const auto result = feed(frame_of(1003).substr(0, 3));  // known from its length alone
    REQUIRE(result.has_error());
    CHECK(result.error() == errc::frame_too_large);
    CHECK(it.lane.received() == 1002);
}
