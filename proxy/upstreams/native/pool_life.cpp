#include "proxy/upstreams/native/pool_life.hpp"

#include <algorithm>

namespace trunkline::proxy {
namespace {

// Clocks of two processes are compared: the app server's window is counted in its milliseconds.
constexpr std::chrono::milliseconds kClockMargin{100};

}  // namespace

bool PoolLife::are_all_closed_by_peer() const noexcept {
    return std::all_of(lanes_.begin(), lanes_.end(),
                       [](const auto& lane) { return !lane.counts || (lane.lost && lane.by_peer); });
}

bool PoolLife::has_links() const noexcept {
    return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane.counts && !lane.lost; });
}

void PoolLife::leave(State state, const std::string& why) {
    if (state <= state_) return;
    if (state_ == State::live) why_ = why;
    state_ = state;
}

void PoolLife::on_new_epoch() {
    if (!are_all_closed_by_peer()) return;  // only silent: it keeps its window
    leave(times_.is_direct ? State::gone : State::ending, "the app server was restarted");
}

void PoolLife::on_app_ended(const std::string& why) { leave(State::gone, why); }

void PoolLife::end(const std::string& why) { leave(State::ending, why); }

PoolLife::State PoolLife::look(TimePoint now, TimePoint heard) {
    if (state_ == State::live) {
        // Its window is over too, so nothing is lost by it; an app server that is there acknowledges more often.
        if (now - heard >= times_.resume_window) {
            leave(State::ending, "nothing was acknowledged on a lane for the resume window");
        }
        if (refused_since_ && now - *refused_since_ >= times_.gone_after && are_all_closed_by_peer()) {
            leave(times_.is_direct ? State::gone : State::ending,
                  "the app server closed all links and refuses new ones");
        }
    }
    if (state_ == State::ending && now - heard > times_.app_window + kClockMargin) leave(State::gone, {});
    return state_;
}

}  // namespace trunkline::proxy
