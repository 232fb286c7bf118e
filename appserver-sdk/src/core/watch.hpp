#pragma once

#include <chrono>

#include "appserver-sdk/src/core/proxies.hpp"
#include "appserver-sdk/src/core/stage.hpp"
#include "net/loop.hpp"

namespace trunkline {

/// Looks at the pools from time to time while one of them may have to end: for a lane that stays full, or for links
/// that do not come back. On the loop.
class Watch {
  public:
    Watch(net::Loop& loop, Proxies& proxies, const Limits& limits, const Stage& stage)
        : loop_(loop), proxies_(proxies), limits_(limits), stage_(stage) {}

    /// A lane has become full.
    void expect_stall();
    /// A lane has lost its link.
    void expect_lost_links();

    void stop() { tick_.cancel(); }

  private:
    void schedule(std::chrono::milliseconds delay);
    void on_tick(net::Clock::time_point now);
    void end_stalled_pools(net::Clock::time_point now);

    net::Loop& loop_;
    Proxies& proxies_;
    const Limits& limits_;
    const Stage& stage_;
    net::MemberHook<&Watch::on_tick> tick_{*this};
};

}  // namespace trunkline
