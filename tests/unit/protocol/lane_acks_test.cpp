#include "tests/unit/protocol/lane_fixture.hpp"

using namespace trunkline::protocol;
using namespace trunkline::protocol::test;

namespace {

std::uint64_t stamp_of(TimePoint now) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
}

}  // namespace

TEST_CASE("Lane: an Ack must be of bytes that were sent, and of whole frames", "[protocol][lane]") {
    struct Row {
        const char* name;
        std::size_t written;
        std::uint64_t handled;
        bool is_good;
    };
    const auto row = GENERATE(values<Row>({
        {"nothing", 300, 0, true},
        {"the first", 300, 100, true},
        {"inside the second", 300, 101, false},
        {"one byte short of the second", 300, 199, false},
        {"the second", 300, 200, true},
        {"all", 300, 300, true},
        {"one byte more", 300, 301, false},
        {"far more", 300, UINT64_MAX, false},
        {"encoded and not sent", 100, 200, false},
        {"sent but for one byte", 199, 200, false},
        {"just sent", 200, 200, true},
        {"before anything was sent", 0, 100, false},
    }));
    CAPTURE(row.name);
    LaneFixture it;
    for (int i = 0; i < 3; ++i) it.lane.append(frame_of(100));
    REQUIRE(offered(it.lane).size() == 300);
    it.lane.written(row.written);
    const auto result = it.receive(ack_of(row.handled, 1 << 20));
    CHECK(result.has_value() == row.is_good);
    if (!row.is_good) CHECK(result.error() == errc::bad_ack);
    CHECK(it.lane.held_bytes() == 300 - (row.is_good ? row.handled : 0));
}

TEST_CASE("Lane: an older Ack changes nothing", "[protocol][lane]") {
    LaneFixture it;
    for (int i = 0; i < 3; ++i) it.lane.append(frame_of(100));
    write_all(it.lane);
    REQUIRE(it.receive(ack_of(200, 1 << 20)));
    for (const std::uint64_t handled : {200, 100, 0}) REQUIRE(it.receive(ack_of(handled, 5)));
    CHECK(it.lane.peer_handled() == 200);
    it.lane.append(frame_of(50));
    CHECK(offered(it.lane).size() == 50);
}

TEST_CASE("Lane: an Ack goes between frames, wherever a write stopped", "[protocol][lane]") {
    const std::string a = frame_of(100, 'a'), b = frame_of(200, 'b'), c = frame_of(70000, 'c');
    const std::string all = a + b + c;
    const auto ack = ack_of(10, (1 << 20) + 10);
    for (const std::size_t stop : {0, 1, 99, 100, 101, 299, 300, 301, 65536, 70299, 70300}) {
        CAPTURE(stop);
        LaneFixture it;
        for (const auto& frame : {a, b, c}) it.lane.append(frame);
        REQUIRE(offered(it.lane) == all);
        it.lane.written(stop);
        REQUIRE(it.receive(frame_of(10)));
        const std::size_t boundary = stop == 0 ? 0 : stop <= 100 ? 100 : stop <= 300 ? 300 : 70300;
        const auto rest = all.substr(stop, boundary - stop) + ack + all.substr(boundary);
        REQUIRE(offered(it.lane, kStart + 50ms) == rest);

        // The second write may stop anywhere too: around the frame's end, inside the Ack, behind it.
        std::string written = all.substr(0, stop);
        for (const std::size_t step : {boundary - stop, ack.size() / 2, std::size_t{1}, ack.size(), std::size_t{3}}) {
            const auto next = offered(it.lane, kStart + 50ms);
            REQUIRE(next == (all.substr(0, boundary) + ack + all.substr(boundary)).substr(written.size()));
            const auto taken = std::min(step, next.size());
            written += next.substr(0, taken);
            it.lane.written(taken);
        }
        written += write_all(it.lane, kStart + 50ms);
        CHECK(written == all.substr(0, boundary) + ack + all.substr(boundary));
        CHECK_FALSE(it.lane.has_output(kStart + 50ms));
    }
}

TEST_CASE("Lane: when an Ack is due", "[protocol][lane]") {
    LaneFixture it({}, GENERATE(Lane::Side::proxy, Lane::Side::app));
    const auto due = [&](TimePoint now) { return it.lane.has_output(now); };

    SECTION("nothing happened: every 5 s") {
        CHECK(it.lane.ack_deadline() == kStart + 5s);
        CHECK_FALSE(due(kStart + 5s - 1ms));
        CHECK(due(kStart + 5s));
        CHECK_FALSE(write_all(it.lane, kStart + 5s).empty());
        CHECK_FALSE(due(kStart + 10s - 1ms));
        CHECK(due(kStart + 10s));
    }
    SECTION("50 ms after the oldest untold frame") {
        REQUIRE(it.receive(frame_of(10), kStart + 1s));
        REQUIRE(it.receive(frame_of(10), kStart + 1s + 40ms));
        CHECK(it.lane.ack_deadline() == kStart + 1s + 50ms);
        CHECK_FALSE(due(kStart + 1s + 49ms));
        CHECK(due(kStart + 1s + 50ms));
        write_all(it.lane, kStart + 1s + 50ms);
        CHECK(it.lane.ack_deadline() == kStart + 6s + 50ms);
    }
    SECTION("after 64 KiB at once") {
        const std::size_t less = GENERATE(1, 0);
        REQUIRE(it.receive(frame_of(kAckEvery - less)));
        CHECK(due(kStart) == (less == 0));
        CHECK(write_all(it.lane).empty() == (less != 0));
        CHECK_FALSE(due(kStart));  // told once
    }
    SECTION("never while detached") {
        REQUIRE(it.receive(frame_of(kAckEvery)));
        it.lane.detach();
        CHECK_FALSE(due(kStart + 1h));
        CHECK_FALSE(it.lane.ack_deadline());
        CHECK(offered(it.lane, kStart + 1h).empty());
    }
    SECTION("not for what Attach has said") {
        REQUIRE(it.receive(frame_of(kAckEvery)));
        it.lane.detach();
        REQUIRE(it.lane.attach(0, 1 << 20, kStart + 1s));
        write_all(it.lane, kStart + 1s);  // the app's side asks at once whether the proxy is there
        CHECK_FALSE(due(kStart + 2s));
        CHECK(it.lane.ack_deadline() == kStart + 6s);
    }
    SECTION("not for what only waits") {
        it.handler.room = 0;
        REQUIRE(it.receive(frame_of(kAckEvery)));
        CHECK_FALSE(due(kStart + 1s));
        it.handler.room = 1;
        REQUIRE(it.lane.resume(kStart + 1s, it.handler));
        CHECK(due(kStart + 1s));
    }
}

TEST_CASE("Lane: stamps", "[protocol][lane]") {
    SECTION("the app sends its clock") {
        LaneFixture app({}, Lane::Side::app);
        REQUIRE(app.receive(frame_of(10)));
        const auto now = kStart + 70ms;
        CHECK(write_all(app.lane, now) == ack_of(10, (1 << 20) + 10, stamp_of(now)));
    }
    SECTION("the app answers no Ack") {
        LaneFixture app({}, Lane::Side::app);
        REQUIRE(app.receive(ack_of(0, 1 << 20, stamp_of(kStart))));
        CHECK_FALSE(app.lane.has_output(kStart + 4s));
    }
    SECTION("the app knows what was answered, and asks when it wants to know") {
        LaneFixture app({}, Lane::Side::app);
        CHECK(app.lane.answered() == kStart);  // before any answer
        app.lane.probe();
        CHECK(write_all(app.lane, kStart + 3s) == ack_of(0, 1 << 20, stamp_of(kStart + 3s)));
        CHECK(write_all(app.lane, kStart + 3s).empty());
        REQUIRE(app.receive(ack_of(0, 1 << 20, stamp_of(kStart)), kStart + 4s));  // that of before was under way
        CHECK(app.lane.answered() == kStart);
        REQUIRE(app.receive(ack_of(0, 1 << 20, stamp_of(kStart + 3s)), kStart + 5s));
        CHECK(app.lane.answered() == kStart + 3s);
    }
    SECTION("an answer to what was never said") {
        LaneFixture app({}, Lane::Side::app);
        CHECK(app.receive(ack_of(0, 1 << 20, stamp_of(kStart + 1ms))).error() == make_error_code(errc::bad_ack));
    }
    SECTION("the proxy knows when it has last heard") {
        LaneFixture proxy;
        CHECK(proxy.lane.heard() == kStart);
        REQUIRE(proxy.receive(ack_of(0, 1 << 20, 111), kStart + 2s));
        REQUIRE(proxy.receive(frame_of(10), kStart + 3s));  // is no Ack
        CHECK(proxy.lane.heard() == kStart + 2s);
        proxy.lane.close(bye());
        REQUIRE(proxy.receive(ack_of(0, 1 << 20, 222), kStart + 4s));  // is not answered
        CHECK(proxy.lane.heard() == kStart + 2s);
    }
    SECTION("the proxy answers the first stamp of a link at once, a new one within 50 ms, each once") {
        LaneFixture proxy;
        REQUIRE(proxy.receive(ack_of(0, 1 << 20, 11)));
        CHECK(proxy.lane.ack_deadline() <= kStart);
        CHECK(write_all(proxy.lane) == ack_of(0, 1 << 20, 11));
        CHECK_FALSE(proxy.lane.has_output(kStart + 4s));

        REQUIRE(proxy.receive(ack_of(0, 1 << 20, 111)));
        REQUIRE(proxy.receive(ack_of(0, 1 << 20, 222), kStart + 20ms));
        CHECK_FALSE(proxy.lane.has_output(kStart + 49ms));
        CHECK(write_all(proxy.lane, kStart + 50ms) == ack_of(0, 1 << 20, 222));
        REQUIRE(proxy.receive(ack_of(0, 1 << 20, 222), kStart + 60ms));
        CHECK_FALSE(proxy.lane.has_output(kStart + 4s));
    }
    SECTION("links that all live shorter than the delay renew the app's window") {
        LaneFixture app({}, Lane::Side::app);
        LaneFixture proxy;
        for (auto now = kStart + 1s; now < kStart + 1s + 100ms; now += 10ms) {
            for (Lane* lane : {&app.lane, &proxy.lane}) {
                lane->detach();
                REQUIRE(lane->attach(0, 1 << 20, now));
            }
            REQUIRE(proxy.receive(write_all(app.lane, now), now));
            REQUIRE(app.receive(write_all(proxy.lane, now), now));
            CHECK(app.lane.answered() == now);
        }
    }
}
