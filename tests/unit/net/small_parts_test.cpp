#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "net/backoff.hpp"
#include "net/byte_stream.hpp"
#include "net/crossed_waits.hpp"
#include "net/gate.hpp"
#include "net/pause.hpp"
#include "net/shared_bytes.hpp"

using namespace trunkline::net;
using namespace std::chrono_literals;

TEST_CASE("Backoff: doubles up to its cap, jittered downwards only", "[net][backoff]") {
    std::mt19937 random(7);
    Backoff backoff(100ms, 1s);
    for (int round = 0; round < 50; ++round) {
        for (const auto step : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms, 1000ms}) {
            const auto wait = backoff.next(random);
            CHECK(wait >= step / 2);
            CHECK(wait <= step);
        }
        backoff.reset();
    }
}

TEST_CASE("Backoff: waits differ, and no pair of limits breaks it", "[net][backoff]") {
    std::mt19937 random(7);
    Backoff backoff(1000ms, 1000ms);
    const auto first = backoff.next(random);
    bool differs = false;
    for (int i = 0; i < 20; ++i) differs = differs || backoff.next(random) != first;
    CHECK(differs);

    Backoff zero(0ms, 0ms);
    CHECK(zero.next(random) == 1ms);
    Backoff crossed(5s, 1s);
    CHECK(crossed.next(random) >= 2500ms);
    Backoff endless(1ms, std::chrono::milliseconds::max());
    for (int i = 0; i < 100; ++i) CHECK(endless.next(random) >= 1ms);
}

TEST_CASE("SharedBytes: references share one block", "[net][shared_bytes]") {
    STATIC_REQUIRE(sizeof(SharedBytes) == 8);
    const auto size = GENERATE(values<std::size_t>({1, 2, 125, 126, 65535, 65536}));
    std::string text(size, 'x');
    text.back() = 'y';
    auto bytes = SharedBytes::copy_of(text);
    CHECK(bytes.view() == text);
    CHECK(bytes.use_count() == 1);
    {
        const SharedBytes other = bytes;
        CHECK(other.view().data() == bytes.view().data());
        CHECK(bytes.use_count() == 2);
        SharedBytes third;
        third = other;
        third = *&third;
        CHECK(bytes.use_count() == 3);
        SharedBytes moved = std::move(third);
        CHECK(third.empty());
        CHECK(bytes.use_count() == 3);
    }
    CHECK(bytes.use_count() == 1);
    std::vector<SharedBytes> queue(1000, bytes);
    bytes = SharedBytes();
    CHECK(bytes.empty());
    CHECK(queue.front().view() == text);
    CHECK(queue.back().use_count() == 1000);
}

TEST_CASE("SharedBytes: empty ones hold nothing, built ones are written in place", "[net][shared_bytes]") {
    CHECK(SharedBytes().view().empty());
    CHECK(SharedBytes::copy_of("").use_count() == 0);
    const auto built = SharedBytes::build(3, [](char* out) {
        for (int i = 0; i < 3; ++i) out[i] = static_cast<char>('a' + i);
    });
    CHECK(built.view() == "abc");
}

TEST_CASE("Gate: the owner hears when the last pass has left", "[net][gate]") {
    auto gate = std::make_unique<Gate>();
    int told = 0;
    auto first = gate->enter();
    auto second = gate->enter();
    REQUIRE(first);
    REQUIRE(second);
    CHECK(gate->in_flight() == 2);

    gate->close([&] {
        ++told;
        gate.reset();  // the owner ends with it
    });
    CHECK_FALSE(gate->enter());
    first.release();
    first.release();
    CHECK(told == 0);
    auto moved = std::move(second);
    CHECK(told == 0);
    moved = Gate::Pass();
    CHECK(told == 1);
    CHECK_FALSE(gate);
}

TEST_CASE("Gate: closing an empty one tells at once", "[net][gate]") {
    Gate gate;
    { const auto pass = gate.enter(); }
    int told = 0;
    gate.close([&] { ++told; });
    CHECK(told == 1);
    CHECK_FALSE(gate.enter());
}

TEST_CASE("PauseReasons: reading goes on with the last reason gone", "[net][pause]") {
    enum class Why { ring_full, app_paused, closing = 7 };
    STATIC_REQUIRE(sizeof(PauseReasons<Why>) == 1);
    PauseReasons<Why> reasons;
    CHECK_FALSE(reasons.remove(Why::ring_full));
    CHECK(reasons.add(Why::ring_full));
    CHECK_FALSE(reasons.add(Why::ring_full));
    CHECK_FALSE(reasons.add(Why::closing));
    CHECK_FALSE(reasons.remove(Why::ring_full));
    CHECK(reasons.is_paused());
    CHECK_FALSE(reasons.remove(Why::app_paused));
    CHECK(reasons.remove(Why::closing));
    CHECK_FALSE(reasons.is_paused());
}

TEST_CASE("ByteStream: says when it is drained, and what it waits for", "[net][stream]") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    ByteStream ours(ends[0]), theirs(ends[1]);
    theirs.write_some(std::array{std::string_view("abc")});
    std::array<char, 2> room;
    CHECK_FALSE(ours.read_some(room).drained);
    CHECK(ours.read_some(room).drained);
    const auto in = ours.read_some(room);
    CHECK(in.status == IoResult::Status::would_block);
    CHECK(in.waits_for == IoResult::Wait::readable);

    const std::string much(64 << 10, 'x');
    IoResult out;
    while ((out = ours.write_some(std::array{std::string_view(much)})).status == IoResult::Status::ok) continue;
    CHECK(out.status == IoResult::Status::would_block);
    CHECK(out.waits_for == IoResult::Wait::writable);

    CHECK_FALSE(theirs.shutdown_send());
    CHECK(ours.read_some(room).status == IoResult::Status::end);
}

TEST_CASE("CrossedWaits: each gets the event that it waits for", "[net][stream]") {
    using enum IoResult::Wait;
    const IoResult for_room{.status = IoResult::Status::would_block, .waits_for = writable, .error = {}};
    const IoResult for_bytes{.status = IoResult::Status::would_block, .waits_for = readable, .error = {}};
    CrossedWaits waits;
    waits.reader_blocked(for_bytes);
    waits.writer_blocked(for_room);
    for (const std::uint32_t events : {EPOLLIN, EPOLLOUT, EPOLLHUP}) CHECK(waits.resolve(events) == events);
    waits.reader_blocked(for_room);
    CHECK(waits.resolve(EPOLLOUT) == (EPOLLIN | EPOLLOUT));
    CHECK(waits.resolve(EPOLLIN) == EPOLLIN);
    waits.writer_blocked(for_bytes);
    CHECK(waits.resolve(EPOLLIN) == (EPOLLIN | EPOLLOUT));
    CHECK(waits.resolve(EPOLLHUP) == EPOLLHUP);
    waits.reader_blocked(for_bytes);
    CHECK(waits.resolve(EPOLLOUT) == EPOLLOUT);
}
