// The rules of SPEC.md "Windows" at the app server, one by one; tests/unit/model runs them all together.
#include "appserver-sdk/src/pool_lease.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using trunkline::PoolLease;

namespace {

constexpr PoolLease::TimePoint kStart{1h};

}  // namespace

TEST_CASE("PoolLease: lasts for the app window after what was answered last was sent", "[appserver-sdk][pool-lease]") {
    PoolLease lease(2, 25s, 5s);
    CHECK_FALSE(lease.is_over(kStart + 1000h));  // not up, so nothing is called back

    lease.renew(kStart);
    CHECK_FALSE(lease.is_over(kStart + 25s));
    CHECK(lease.is_over(kStart + 25s + 1ns));

    lease.renew(kStart + 1s);
    CHECK_FALSE(lease.is_over(kStart + 26s));
    lease.on_attached(0);  // a link that is back has not been answered yet
    lease.on_lost(1, true, kStart + 26s);
    CHECK(lease.is_over(kStart + 26s + 1ns));
}

TEST_CASE("PoolLease: a proxy that closed all links and does not come back is gone", "[appserver-sdk][pool-lease]") {
    PoolLease lease(2, 25s, 5s);
    CHECK_FALSE(lease.has_lost());
    CHECK_FALSE(lease.is_abandoned(kStart + 1h));

    lease.on_lost(0, true, kStart);
    CHECK(lease.has_lost());
    CHECK_FALSE(lease.is_abandoned(kStart + 1h));  // the other lane has its link

    SECTION("so long after the last was closed") {
        lease.on_lost(1, true, kStart + 2s);
        CHECK_FALSE(lease.is_abandoned(kStart + 7s - 1ms));
        CHECK(lease.is_abandoned(kStart + 7s));
    }
    SECTION("not if one only fell silent") {
        lease.on_lost(1, false, kStart);
        CHECK_FALSE(lease.is_abandoned(kStart + 1h));
    }
    SECTION("not if one came back") {
        lease.on_lost(1, true, kStart);
        lease.on_attached(0);
        CHECK(lease.has_lost());
        CHECK_FALSE(lease.is_abandoned(kStart + 1h));
        lease.on_attached(1);
        CHECK_FALSE(lease.has_lost());
    }
}
