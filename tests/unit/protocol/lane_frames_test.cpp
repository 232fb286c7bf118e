#include "tests/unit/protocol/lane_fixture.hpp"

using namespace trunkline::protocol;
using namespace trunkline::protocol::test;

TEST_CASE("Lane: gather offers as much as the entries given can hold", "[protocol][lane]") {
    LaneFixture it;
    std::string all;
    for (std::size_t i = 0; i < 5; ++i) {
        all += frame_of(50000, static_cast<char>('a' + i));
        it.lane.append(frame_of(50000, static_cast<char>('a' + i)));
    }
    REQUIRE(it.receive(frame_of(kAckEvery)));
    all = ack_of(kAckEvery, (1 << 20) + kAckEvery) + all;  // nothing was written, so it goes first
    const std::size_t entries = GENERATE(as<std::size_t>{}, 1, 2, 3, 10);
    std::string written;
    std::array<Bytes, 10> views;
    while (it.lane.has_output(kStart)) {
        const auto count = it.lane.gather(std::span(views).first(entries), kStart);
        REQUIRE(count > 0);
        REQUIRE(count <= entries);
        std::size_t size = 0;
        for (std::size_t i = 0; i < count; ++i) size += views[i].size();
        for (std::size_t i = 0; i < count; ++i) written += views[i];
        it.lane.written(size);
    }
    CHECK(written == all);
}

TEST_CASE("Lane: the last words are what was handled and a Bye, at a frame boundary, and nothing behind",
          "[protocol][lane]") {
    struct Row {
        const char* name;
        std::size_t written;   // of three frames of 100 bytes
        std::size_t begun;     // frames that a link has taken some of
        bool has_ack = false;  // an Ack is under way
    };
    const auto row = GENERATE(values<Row>({
        {"nothing is out", 0, 0},
        {"one byte is out", 1, 1},
        {"whole frames are out", 200, 2},
        {"half a frame is out", 150, 2},
        {"half a frame is out, an Ack waits behind it", 150, 2, true},
        {"all is out", 300, 3},
    }));
    CAPTURE(row.name);
    LaneFixture it;
    std::string all;
    for (const char fill : {'a', 'b', 'c'}) {
        all += frame_of(100, fill);
        it.lane.append(frame_of(100, fill));
    }
    offered(it.lane);
    it.lane.written(row.written);
    std::string expected = all.substr(row.written, 100 * row.begun - row.written);
    if (row.has_ack) {
        REQUIRE(it.receive(frame_of(kAckEvery)));
        expected += ack_of(kAckEvery, (1 << 20) + kAckEvery);
        offered(it.lane);
    }
    REQUIRE(it.receive(frame_of(10)));
    const std::uint64_t handled = it.lane.handled();
    it.lane.close(bye());
    it.lane.append(frame_of(100, 'd'));
    REQUIRE(it.receive(ack_of(0, 2 << 20, 7)));  // neither a wider limit nor a stamp brings anything more
    expected += ack_of(handled, (1 << 20) + handled) + bye();

    CHECK(write_all(it.lane) == expected);
    CHECK_FALSE(it.lane.has_output(kStart + 1h));
    CHECK_FALSE(it.lane.ack_deadline());
    std::size_t begun = 0;
    it.lane.for_each_held([&](Bytes, bool was_written) { begun += was_written ? 1 : 0; });
    CHECK(begun == row.begun);
}

TEST_CASE("Lane: frames that cannot be taken wait in order, and are not acknowledged", "[protocol][lane]") {
    LaneFixture it;
    it.handler.room = 2;
    std::string all;
    for (char fill = 'a'; fill < 'h'; ++fill) all += frame_of(100, fill);
    REQUIRE(it.receive(Bytes(all).substr(0, 450)));
    REQUIRE(it.receive(Bytes(all).substr(450)));
    CHECK(it.handler.taken.size() == 2);
    CHECK(it.lane.received() == 700);
    CHECK(it.lane.handled() == 200);
    CHECK(it.lane.has_waiting());
    REQUIRE(it.receive(bye() + ack_of(0, 5)));  // unsequenced frames do not wait
    CHECK(it.handler.unsequenced == std::vector<std::uint32_t>{Bye::kType});

    it.handler.room = 6;
    REQUIRE(it.lane.resume(kStart, it.handler));
    CHECK(it.lane.handled() == 600);
    REQUIRE(it.receive(frame_of(100, 'h')));
    it.handler.room = 100;
    REQUIRE(it.receive(frame_of(100, 'i')));  // still behind those that wait, though there is room
    CHECK(it.handler.taken.size() == 6);
    REQUIRE(it.lane.resume(kStart, it.handler));
    CHECK(it.lane.handled() == 900);
    CHECK_FALSE(it.lane.has_waiting());
    REQUIRE(it.handler.taken.size() == 9);
    for (std::size_t i = 0; i < 9; ++i) CHECK(it.handler.taken[i].back() == static_cast<char>('a' + i));
}

TEST_CASE("Lane: what is no frame", "[protocol][lane]") {
    struct Row {
        const char* name;
        std::string bytes;
    };
    const auto row = GENERATE(values<Row>({
        {"an empty body", std::string(1, '\0')},
        {"no array", "\x02\xa1x"},
        {"an empty array", "\x01\x90"},
        {"a type that is text", "\x03\x91\xa1x"},
        {"a negative type", "\x02\x91\xff"},
        {"a length of six bytes", "\x80\x80\x80\x80\x80\x01"},
        {"an Ack without fields", "\x02\x91\x66"},
        {"an Ack of text", "\x06\x94\x66\xa1x\x01\x01"},
    }));
    CAPTURE(row.name);
    LaneFixture it;
    REQUIRE(it.receive(frame_of(10)));
    CHECK(it.receive(row.bytes).has_error());
    CHECK(it.lane.received() == 10);
    CHECK(it.handler.taken.size() == 1);

    LaneFixture bytewise;
    bool failed = false;
    for (const char& byte : row.bytes) failed = failed || bytewise.receive({&byte, 1}).has_error();
    CHECK(failed);
}

TEST_CASE("Lane: chunks cut at every byte", "[protocol][lane]") {
    const auto wire =
        frame_of(6, 'a') + bye() + frame_of(128, 'b') + frame_of(130, 'c') + ack_of(0, 7) + frame_of(300, 'd');
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        for (const std::size_t second : {cut, cut + 1, cut + 7}) {
            LaneFixture it;
            const auto end = std::min(second, wire.size());
            REQUIRE(it.receive(Bytes(wire).substr(0, cut)));
            REQUIRE(it.receive(Bytes(wire).substr(cut, end - cut)));
            REQUIRE(it.receive(Bytes(wire).substr(end)));
            REQUIRE(it.handler.taken.size() == 4);
            CHECK(it.handler.taken[3] == frame_of(300, 'd').substr(2));
            CHECK(it.handler.unsequenced.size() == 1);
            CHECK(it.lane.received() == 6 + 128 + 130 + 300);
        }
    }
}
