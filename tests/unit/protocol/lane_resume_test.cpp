#include "tests/unit/protocol/lane_fixture.hpp"

using namespace trunkline::protocol;
using namespace trunkline::protocol::test;

TEST_CASE("Lane: what the peer has not handled, and whether it may have it", "[protocol][lane]") {
    LaneFixture it;
    std::string large = frame_of(200'000, 'c');  // lies in several blocks
    it.lane.append(frame_of(10, 'a'));
    it.lane.append(frame_of(20, 'b'));
    it.lane.append(large);
    it.lane.append(frame_of(30, 'd'));
    std::array<Bytes, 1> piece;
    REQUIRE(it.lane.gather(piece, kStart) == 1);
    it.lane.written(31);  // the first two, and a byte of the third
    REQUIRE(it.receive(ack_of(10, 1 << 20)));
    it.lane.detach();
    REQUIRE(it.lane.attach(10, 1 << 20, kStart));  // sent again from there: the third was written all the same

    std::vector<std::pair<std::size_t, bool>> held;
    std::string last_bytes;
    it.lane.for_each_held([&](Bytes body, bool was_written) {
        held.emplace_back(body.size(), was_written);
        last_bytes += body.back();
    });
    CHECK(last_bytes == "bcd");
    REQUIRE(held.size() == 3);
    CHECK(held[0].second);
    CHECK(held[1].second);
    CHECK_FALSE(held[2].second);
    CHECK(held[1].first > 199'990);
}

TEST_CASE("Lane: a new link goes on at the byte the peer names, if it is a boundary and was sent", "[protocol][lane]") {
    struct Row {
        std::uint64_t received;
        bool is_good;
    };
    const auto row = GENERATE(
        values<Row>({{0, false}, {99, false}, {100, true}, {101, false}, {200, true}, {300, false}, {301, false}}));
    CAPTURE(row.received);
    LaneFixture it;
    const std::string all = frame_of(100, 'a') + frame_of(100, 'b') + frame_of(100, 'c');
    for (const char fill : {'a', 'b', 'c'}) it.lane.append(frame_of(100, fill));
    offered(it.lane);
    it.lane.written(250);  // half of c was never sent
    REQUIRE(it.receive(ack_of(100, 1 << 20)));
    REQUIRE(it.receive(frame_of(50).substr(0, 20)));  // and half a frame of the peer's
    offered(it.lane, kStart + 5s);                    // an Ack that was not written

    it.lane.detach();
    CHECK_FALSE(it.lane.is_attached());
    CHECK_FALSE(it.lane.has_output(kStart + 5s));
    const auto result = it.lane.attach(row.received, 1 << 20, kStart + 5s);
    REQUIRE(result.has_value() == row.is_good);
    if (!row.is_good) {
        CHECK(result.error() == errc::bad_offset);
        return;
    }
    CHECK(write_all(it.lane, kStart + 5s) == all.substr(row.received));
    REQUIRE(it.receive(frame_of(50)));
    CHECK(it.lane.received() == 50);
}

TEST_CASE("Lane: a new link begins with a frame boundary and the limit of before", "[protocol][lane]") {
    LaneFixture it({}, Lane::Side::proxy, 201);
    for (const char fill : {'a', 'b', 'c', 'd'}) it.lane.append(frame_of(100, fill));
    offered(it.lane);
    it.lane.written(250);
    offered(it.lane, kStart + 5s);  // an Ack that would go behind c
    it.lane.detach();
    REQUIRE(it.lane.attach(100, 0, kStart + 5s));
    REQUIRE(it.receive(frame_of(kAckEvery), kStart + 5s));
    CHECK(write_all(it.lane, kStart + 5s) ==
          ack_of(kAckEvery, (1 << 20) + kAckEvery) + frame_of(100, 'b') + frame_of(100, 'c'));
}
