#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace trunkline::proxy {

/// When a pool ends at the proxy, and when its connections may be opened at another app server: the rules of SPEC.md
/// "Windows", without sockets and with time passed in. A pool that is live outlives its links; one that is ending has
/// ended here, and perhaps not yet at the app server, whose callbacks may still run; one that is gone has ended there
/// too, so that no connection has two owners.
class PoolLife {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using milliseconds = std::chrono::milliseconds;

    struct Times {
        milliseconds resume_window{30'000};  ///< a lane may bring no Ack for so long, whether it has links or not
        milliseconds app_window{25'000};  ///< the app server ends the pool by itself so long after it was last answered
        milliseconds gone_after{5'000};   ///< closed by the app server and refused for so long, it is gone
        bool is_direct = true;            ///< nothing in between may answer, or refuse, for the app server
    };
    enum class State : unsigned char { live, ending, gone };

    PoolLife(unsigned lanes, const Times& times) : times_(times), lanes_(lanes, LaneState{true}) {}

    /// A lane has a link. A new lane counts from its first `on_attached` or `on_lost`.
    void on_attached(unsigned lane) { at(lane) = {true}; }
    bool has(unsigned lane) const noexcept { return lane < lanes_.size() && lanes_[lane].counts; }
    /// A lane is no part of the pool any more.
    void on_removed(unsigned lane) { at(lane) = {}; }
    /// A lane has lost its link. `by_peer`: its end was closed, which a process that is gone does too; else it fell
    /// silent.
    void on_lost(unsigned lane, bool by_peer) { at(lane) = {true, true, by_peer}; }
    /// A dial was refused: nobody listens at its address.
    void on_refused(TimePoint now) {
        if (!refused_since_) refused_since_ = now;
    }
    /// A dial succeeded.
    void on_accepted() { refused_since_.reset(); }
    /// Another life of the app server answers in its place.
    void on_new_epoch();
    /// The app server has said that it has ended the pool.
    void on_app_ended(const std::string& why);
    /// It ends here, by our own will.
    void end(const std::string& why);

    /// The state at that time. `heard`: of the times of the last Ack on each lane, the oldest.
    State look(TimePoint now, TimePoint heard);

    State state() const noexcept { return state_; }
    /// Why it ended; empty while it is live.
    const std::string& why() const noexcept { return why_; }
    bool has_links() const noexcept;

  private:
    struct LaneState {
        bool counts = false;
        bool lost = false;
        bool by_peer = false;
    };

    LaneState& at(unsigned lane) {
        if (lane >= lanes_.size()) lanes_.resize(lane + 1);
        return lanes_[lane];
    }
    bool are_all_closed_by_peer() const noexcept;
    void leave(State state, const std::string& why);

    const Times times_;
    std::vector<LaneState> lanes_;
    std::optional<TimePoint> refused_since_;
    State state_ = State::live;
    std::string why_;
};

}  // namespace trunkline::proxy
