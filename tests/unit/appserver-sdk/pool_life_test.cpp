// The rules of SPEC.md "Windows" at the app server, one by one; tests/unit/model runs them all together.
#include "appserver-sdk/src/pool_life.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using trunkline::PoolLife;

namespace {

constexpr PoolLife::TimePoint kStart{1h};

}  // namespace

TEST_CASE("PoolLife: lasts for the app window after what was answered last was sent", "[appserver-sdk][pool-life]") {
    PoolLife life(2, 25s, 5s);
    CHECK_FALSE(life.is_over(kStart + 1000h));  // not up, so nothing is called back

    life.renew(kStart);
    CHECK_FALSE(life.is_over(kStart + 25s));
    CHECK(life.is_over(kStart + 25s + 1ns));

    life.renew(kStart + 1s);
    CHECK_FALSE(life.is_over(kStart + 26s));
    life.on_attached(0);  // a link that is back has not been answered yet
    life.on_lost(1, true, kStart + 26s);
    CHECK(life.is_over(kStart + 26s + 1ns));
}

TEST_CASE("PoolLife: a proxy that closed all links and does not come back is gone", "[appserver-sdk][pool-life]") {
    PoolLife life(2, 25s, 5s);
    CHECK_FALSE(life.has_lost());
    CHECK_FALSE(life.is_abandoned(kStart + 1h));

    life.on_lost(0, true, kStart);
    CHECK(life.has_lost());
    CHECK_FALSE(life.is_abandoned(kStart + 1h));  // the other lane has its link

    SECTION("so long after the last was closed") {
        life.on_lost(1, true, kStart + 2s);
        CHECK_FALSE(life.is_abandoned(kStart + 7s - 1ms));
        CHECK(life.is_abandoned(kStart + 7s));
    }
    SECTION("not if one only fell silent") {
        life.on_lost(1, false, kStart);
        CHECK_FALSE(life.is_abandoned(kStart + 1h));
    }
    SECTION("not if one came back") {
        life.on_lost(1, true, kStart);
        life.on_attached(0);
        CHECK(life.has_lost());
        CHECK_FALSE(life.is_abandoned(kStart + 1h));
        life.on_attached(1);
        CHECK_FALSE(life.has_lost());
    }
}
