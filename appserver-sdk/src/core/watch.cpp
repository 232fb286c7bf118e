#include "appserver-sdk/src/core/watch.hpp"

#include <algorithm>
#include <string>

namespace trunkline {

void Watch::expect_stall() { schedule(limits_.stall_timeout / 5); }

void Watch::expect_lost_links() { schedule(limits_.proxy_gone_after / 20); }

void Watch::schedule(std::chrono::milliseconds delay) {
    loop_.schedule_by(tick_, net::Clock::now() + std::max<std::chrono::milliseconds>(delay, net::TimingWheel::kTick));
}

void Watch::on_tick(net::Clock::time_point now) {
    if (stage_ >= Stage::stopping) return;
    end_stalled_pools(now);
    bool any_lost = false;
    for (Pool* pool : proxies_.pools()) any_lost = pool->look(now) || any_lost;
    if (any_lost) expect_lost_links();
}

void Watch::end_stalled_pools(net::Clock::time_point now) {
    bool any_full = false;
    for (Pool* pool : proxies_.pools()) {
        if (pool->has_ended()) continue;
        for (const auto& lane : pool->lanes()) {
            if (!lane->full_since) continue;
            if (pool->waits_for_marks(*lane)) lane->full_since = now;  // the proxy waits for another lane
            if (now - *lane->full_since >= limits_.stall_timeout) {
                pool->end(protocol::ByeCode::stalled,
                          "lane " + std::to_string(lane->index) + " is full and the proxy acknowledges nothing");
                break;
            }
            any_full = true;
        }
    }
    if (any_full) expect_stall();
}

}  // namespace trunkline
