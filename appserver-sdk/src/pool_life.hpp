#pragma once

#include <chrono>
#include <optional>
#include <vector>

namespace trunkline {

/// How long an app server may call back for the connections of a pool: the rules of SPEC.md "Windows", without sockets
/// and with time passed in. After that time the proxy may open them at another app server, so the pool ends before one
/// more callback is called. The proxy has a PoolLife too, with its own rules.
class PoolLife {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using milliseconds = std::chrono::milliseconds;

    PoolLife(std::size_t lanes, milliseconds app_window, milliseconds gone_after)
        : app_window_(app_window), gone_after_(gone_after), lanes_(lanes, LaneState{true}) {}

    /// The proxy has answered. `answered`: of each lane take the newest stamp that was answered, and the time at which
    /// it was sent; this is the earliest of those times.
    void renew(TimePoint answered) noexcept { ends_ = answered + app_window_; }
    /// Whether no callback may be called any more.
    bool is_over(TimePoint now) const noexcept { return now > ends_; }

    /// A lane has a link. For a new lane, this or `on_lost` is called when the lane begins to count.
    void on_attached(std::size_t lane) { at(lane) = {true}; }
    /// A lane has lost its link; `by_peer`: the proxy closed it.
    void on_lost(std::size_t lane, bool by_peer, TimePoint now) { at(lane) = {true, now, by_peer}; }
    /// A lane is no part of the pool any more.
    void on_removed(std::size_t lane) { at(lane) = {}; }
    /// Whether that lane counts.
    bool has(std::size_t lane) const noexcept { return lane < lanes_.size() && lanes_[lane].counts; }
    /// Whether the proxy closed all links so long ago that it is gone.
    bool is_abandoned(TimePoint now) const noexcept {
        for (const auto& lane : lanes_) {
            if (!lane.counts) continue;
            if (!lane.lost || !lane.by_peer || now - *lane.lost < gone_after_) return false;
        }
        return true;
    }
    /// Whether a lane has no link.
    bool has_lost() const noexcept {
        for (const auto& lane : lanes_) {
            if (lane.lost) return true;
        }
        return false;
    }

  private:
    struct LaneState {
        bool counts = false;
        std::optional<TimePoint> lost{};  // when
        bool by_peer = false;
    };

    LaneState& at(std::size_t lane) {
        if (lane >= lanes_.size()) lanes_.resize(lane + 1);
        return lanes_[lane];
    }

    const milliseconds app_window_;
    const milliseconds gone_after_;
    std::vector<LaneState> lanes_;
    TimePoint ends_ = TimePoint::max();
};

}  // namespace trunkline
