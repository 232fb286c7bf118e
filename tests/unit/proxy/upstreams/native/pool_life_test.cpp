// The rules of SPEC.md "Windows" at the proxy, one by one; tests/unit/model runs them all together.
#include "proxy/upstreams/native/pool_life.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using trunkline::proxy::PoolLife;
using State = PoolLife::State;

namespace {

constexpr PoolLife::TimePoint kStart{1h};
constexpr PoolLife::Times kTimes{30s, 25s, 5s, true};
constexpr PoolLife::Times kIndirect{30s, 25s, 5s, false};

enum class By : bool { silence, peer };

/// Both lanes of a pool of two lose their links.
void lose_all(PoolLife& life, By by) {
    for (unsigned lane = 0; lane < 2; ++lane) life.on_lost(lane, by == By::peer);
}

/// Its state that long after the start, when the last Ack came at the start.
State state_after(PoolLife& life, std::chrono::milliseconds time) { return life.look(kStart + time, kStart); }

}  // namespace

TEST_CASE("PoolLife: lives as long as each lane is acknowledged within the resume window", "[proxy][pool-life]") {
    PoolLife life(2, kTimes);
    SECTION("with links, however often they come back") {
        life.on_lost(1, true);
        life.on_attached(1);
        CHECK(life.has_links());
    }
    SECTION("without") {
        lose_all(life, By::silence);
        CHECK_FALSE(life.has_links());
    }
    CHECK(life.look(kStart + 1h, kStart + 1h) == State::live);
    CHECK(state_after(life, 30s - 1ms) == State::live);
    CHECK(life.why().empty());
    CHECK(state_after(life, 30s) == State::gone);  // its own window was over before
    CHECK_FALSE(life.why().empty());
}

TEST_CASE("PoolLife: once it has closed all links, nobody there or another life ends it", "[proxy][pool-life]") {
    struct Row {
        const char* name;
        PoolLife::Times times;
        By by;
        State after;
    };
    const auto row = GENERATE(values<Row>({
        {"closed by the app server", kTimes, By::peer, State::gone},
        {"something in between may have closed them", kIndirect, By::peer, State::ending},
        {"only silent: it keeps its window", kTimes, By::silence, State::live},
    }));
    CAPTURE(row.name);
    PoolLife life(2, row.times);

    SECTION("refused for long enough") {
        lose_all(life, row.by);
        life.on_refused(kStart);
        life.on_refused(kStart + 4s);  // counts from the first
        CHECK(state_after(life, 5s - 1ms) == State::live);
        CHECK(state_after(life, 5s) == row.after);
    }
    SECTION("another life answers") {
        life.on_new_epoch();
        CHECK(life.state() == State::live);  // there are links still
        lose_all(life, row.by);
        life.on_new_epoch();
        CHECK(life.state() == row.after);
    }
}

TEST_CASE("PoolLife: one link, or one that accepts, and refusals count for nothing", "[proxy][pool-life]") {
    PoolLife life(2, kTimes);
    SECTION("one lane has its link") { life.on_lost(0, true); }
    SECTION("one lane fell silent") {
        life.on_lost(0, true);
        life.on_lost(1, false);
    }
    SECTION("somebody listened again") {
        lose_all(life, By::peer);
        life.on_refused(kStart - 10s);
        life.on_accepted();
    }
    life.on_refused(kStart + 1s);
    CHECK(state_after(life, 6s - 1ms) == State::live);
    if (life.has_links()) CHECK(state_after(life, 29s) == State::live);
}

TEST_CASE("PoolLife: what ends by our own will is gone when the app server knows it", "[proxy][pool-life]") {
    PoolLife life(2, kTimes);
    life.end("a bad frame");
    CHECK(life.state() == State::ending);
    CHECK(life.why() == "a bad frame");

    SECTION("because it says so") {
        life.on_app_ended("it said Bye");
        CHECK(life.state() == State::gone);
    }
    SECTION("because nobody has answered it for its window, and its clock may differ a little") {
        lose_all(life, By::silence);
        CHECK(state_after(life, 25s + 100ms) == State::ending);
        CHECK(state_after(life, 25s + 101ms) == State::gone);
    }
    SECTION("not because a lane has no link: that is over") {
        lose_all(life, By::peer);
        life.on_refused(kStart);
        CHECK(life.look(kStart + 40s, kStart + 39s) == State::ending);
    }
    CHECK(life.why() == "a bad frame");  // the first reason stays
}

TEST_CASE("PoolLife: once it has ended nothing brings it back", "[proxy][pool-life]") {
    PoolLife life(1, kTimes);
    life.on_app_ended("it said Bye");
    life.end("too late");
    life.on_attached(0);
    life.on_accepted();
    CHECK(life.look(kStart, kStart) == State::gone);
    CHECK(life.why() == "it said Bye");
}
