#include "trunkline/protocol/lane/lane.hpp"

#include <catch2/catch.hpp>

#include <array>

#include "trunkline/protocol/service/encode.hpp"

using namespace trunkline::protocol;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};

// A sequenced frame of exactly `size` bytes (at least 6, and not one that no length prefix gives, like 129)
// of a type that the lane does not know.
std::string frame_of(std::size_t size, char fill = 'x') {
    const std::size_t prefix = size < 129 ? 1 : size < 16386 ? 2 : size < 2097155 ? 3 : 4;
    std::string body{'\x92', '\x7f', '\xc6'};
    body.resize(size - prefix, fill);
    std::string out;
    append_length(out, body.size());
    out += body;
    REQUIRE(out.size() == size);
    return out;
}

std::string ack_of(std::uint64_t handled, std::uint64_t limit, std::uint64_t stamp = 0) {
    Buffer out;
    append(out, Ack{handled, limit, stamp});
    return out;
}

std::string bye() {
    Buffer out;
    append(out, Bye{ByeCode::stopping, "bye"});
    return out;
}

struct Recorder {
    std::vector<std::string> taken{};
    std::vector<std::uint32_t> unsequenced{};
    std::size_t room = SIZE_MAX;  // frames it takes before it says `later`

    Result<Handled> on_sequenced(Bytes body) {
        if (taken.size() >= room) return Handled::later;
        taken.emplace_back(body);
        return Handled::done;
    }
    Result<void> on_unsequenced(std::uint32_t type, Bytes) {
        unsequenced.push_back(type);
        return boost::outcome_v2::success();
    }
};

// All that may be written now, as one string.
std::string offered(Lane& lane, TimePoint now = kStart) {
    std::array<Bytes, 64> views;
    const auto count = lane.gather(views, now);
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += views[i];
    return all;
}

std::string write_all(Lane& lane, TimePoint now = kStart) {
    auto all = offered(lane, now);
    lane.written(all.size());
    return all;
}

struct Fixture {
    explicit Fixture(const LaneSettings& settings = {}, Lane::Side side = Lane::Side::proxy,
                     std::uint64_t limit = 1 << 20)
        : lane(side, settings) {
        REQUIRE(lane.attach(0, limit, kStart));
        if (side == Lane::Side::app) write_all(lane);  // its first stamp
    }

    Result<void> receive(Bytes chunk, TimePoint now = kStart) { return lane.receive(chunk, now, handler); }

    Lane lane;
    Recorder handler;
};

std::uint64_t stamp_of(TimePoint now) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
}

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
        Fixture it(with_ring(ring));
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
    Fixture it(with_ring(100));
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
    Fixture it({}, Lane::Side::proxy, append_first ? 0 : row.limit);
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
    Fixture it(settings);
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
    Fixture it(settings);
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
    Fixture it(settings);
    const bool is_cut = GENERATE(false, true);
    const auto feed = [&](const std::string& bytes) -> Result<void> {
        if (!is_cut) return it.receive(bytes);
        for (const char& byte : bytes) {
            if (auto result = it.receive({&byte, 1}); !result) return result;
        }
        return boost::outcome_v2::success();
    };
    REQUIRE(feed(frame_of(1002)));
    CHECK(it.handler.taken.size() == 1);
    const auto result = feed(frame_of(1003).substr(0, 3));  // known from its length alone
    REQUIRE(result.has_error());
    CHECK(result.error() == errc::frame_too_large);
    CHECK(it.lane.received() == 1002);
}

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
    Fixture it;
    for (int i = 0; i < 3; ++i) it.lane.append(frame_of(100));
    REQUIRE(offered(it.lane).size() == 300);
    it.lane.written(row.written);
    const auto result = it.receive(ack_of(row.handled, 1 << 20));
    CHECK(result.has_value() == row.is_good);
    if (!row.is_good) CHECK(result.error() == errc::bad_ack);
    CHECK(it.lane.held_bytes() == 300 - (row.is_good ? row.handled : 0));
}

TEST_CASE("Lane: an older Ack changes nothing", "[protocol][lane]") {
    Fixture it;
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
        Fixture it;
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

TEST_CASE("Lane: a Bye and an Ack while half a frame is out stay whole, in order", "[protocol][lane]") {
    Fixture it;
    it.lane.append(frame_of(100, 'a'));
    it.lane.append(frame_of(100, 'b'));
    offered(it.lane);
    it.lane.written(150);
    it.lane.append_unsequenced(bye());
    CHECK(offered(it.lane) == frame_of(100, 'b').substr(50) + bye());
    it.lane.written(50 + 2);
    it.lane.append(frame_of(100, 'c'));
    REQUIRE(it.receive(frame_of(10)));
    CHECK(offered(it.lane, kStart + 1s) == bye().substr(2) + ack_of(10, (1 << 20) + 10) + frame_of(100, 'c'));
}

TEST_CASE("Lane: gather offers as much as the entries given can hold", "[protocol][lane]") {
    Fixture it;
    std::string all;
    for (std::size_t i = 0; i < 5; ++i) {
        all += frame_of(50000, static_cast<char>('a' + i));
        it.lane.append(frame_of(50000, static_cast<char>('a' + i)));
    }
    it.lane.append_unsequenced(bye());  // nothing was written, so it goes first
    all = bye() + all;
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

TEST_CASE("Lane: when an Ack is due", "[protocol][lane]") {
    Fixture it({}, GENERATE(Lane::Side::proxy, Lane::Side::app));
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
        Fixture app({}, Lane::Side::app);
        REQUIRE(app.receive(frame_of(10)));
        const auto now = kStart + 70ms;
        CHECK(write_all(app.lane, now) == ack_of(10, (1 << 20) + 10, stamp_of(now)));
    }
    SECTION("the app answers no Ack") {
        Fixture app({}, Lane::Side::app);
        REQUIRE(app.receive(ack_of(0, 1 << 20, stamp_of(kStart))));
        CHECK_FALSE(app.lane.has_output(kStart + 4s));
    }
    SECTION("the app knows what was answered, and asks when it wants to know") {
        Fixture app({}, Lane::Side::app);
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
        Fixture app({}, Lane::Side::app);
        CHECK(app.receive(ack_of(0, 1 << 20, stamp_of(kStart + 1ms))).error() == make_error_code(errc::bad_ack));
    }
    SECTION("the proxy knows when it has last heard") {
        Fixture proxy;
        CHECK(proxy.lane.heard() == kStart);
        REQUIRE(proxy.receive(ack_of(0, 1 << 20, 111), kStart + 2s));
        REQUIRE(proxy.receive(frame_of(10), kStart + 3s));  // is no Ack
        CHECK(proxy.lane.heard() == kStart + 2s);
    }
    SECTION("the proxy answers a new stamp within 50 ms, once") {
        Fixture proxy;
        REQUIRE(proxy.receive(ack_of(0, 1 << 20, 111)));
        REQUIRE(proxy.receive(ack_of(0, 1 << 20, 222), kStart + 20ms));
        CHECK_FALSE(proxy.lane.has_output(kStart + 49ms));
        CHECK(write_all(proxy.lane, kStart + 50ms) == ack_of(0, 1 << 20, 222));
        REQUIRE(proxy.receive(ack_of(0, 1 << 20, 222), kStart + 60ms));
        CHECK_FALSE(proxy.lane.has_output(kStart + 4s));
    }
}

TEST_CASE("Lane: what the peer has not handled, and whether it may have it", "[protocol][lane]") {
    Fixture it;
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

TEST_CASE("Lane: frames that cannot be taken wait in order, and are not acknowledged", "[protocol][lane]") {
    Fixture it;
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
    Fixture it;
    REQUIRE(it.receive(frame_of(10)));
    CHECK(it.receive(row.bytes).has_error());
    CHECK(it.lane.received() == 10);
    CHECK(it.handler.taken.size() == 1);

    Fixture bytewise;
    bool failed = false;
    for (const char& byte : row.bytes) failed = failed || bytewise.receive({&byte, 1}).has_error();
    CHECK(failed);
}

TEST_CASE("Lane: chunks cut at every byte", "[protocol][lane]") {
    const auto wire =
        frame_of(6, 'a') + bye() + frame_of(128, 'b') + frame_of(130, 'c') + ack_of(0, 7) + frame_of(300, 'd');
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        for (const std::size_t second : {cut, cut + 1, cut + 7}) {
            Fixture it;
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

TEST_CASE("Lane: a new link goes on at the byte the peer names, if it is a boundary and was sent", "[protocol][lane]") {
    struct Row {
        std::uint64_t received;
        bool is_good;
    };
    const auto row = GENERATE(
        values<Row>({{0, false}, {99, false}, {100, true}, {101, false}, {200, true}, {300, false}, {301, false}}));
    CAPTURE(row.received);
    Fixture it;
    const std::string all = frame_of(100, 'a') + frame_of(100, 'b') + frame_of(100, 'c');
    for (const char fill : {'a', 'b', 'c'}) it.lane.append(frame_of(100, fill));
    offered(it.lane);
    it.lane.written(250);  // half of c was never sent
    REQUIRE(it.receive(ack_of(100, 1 << 20)));
    REQUIRE(it.receive(frame_of(50).substr(0, 20)));  // and half a frame of the peer's
    it.lane.append_unsequenced(bye());

    it.lane.detach();
    CHECK_FALSE(it.lane.is_attached());
    CHECK_FALSE(it.lane.has_output(kStart));
    const auto result = it.lane.attach(row.received, 1 << 20, kStart);
    REQUIRE(result.has_value() == row.is_good);
    if (!row.is_good) {
        CHECK(result.error() == errc::bad_offset);
        return;
    }
    CHECK(write_all(it.lane) == all.substr(row.received));
    REQUIRE(it.receive(frame_of(50)));
    CHECK(it.lane.received() == 50);
}

TEST_CASE("Lane: a new link begins with a frame boundary and the limit of before", "[protocol][lane]") {
    Fixture it({}, Lane::Side::proxy, 201);
    for (const char fill : {'a', 'b', 'c', 'd'}) it.lane.append(frame_of(100, fill));
    offered(it.lane);
    it.lane.written(250);
    it.lane.append_unsequenced(bye());  // would go behind c
    it.lane.detach();
    REQUIRE(it.lane.attach(100, 0, kStart));
    it.lane.append_unsequenced(bye());
    CHECK(write_all(it.lane) == bye() + frame_of(100, 'b') + frame_of(100, 'c'));
}
