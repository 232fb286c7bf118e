#pragma once

#include <chrono>
#include <optional>
#include <vector>

namespace trunkline {

/// How long an app server may go on calling back for the connections of a pool: the rules of SPEC.md "Windows", without
/// sockets and with time passed in. When it is over the proxy may open them elsewhere, so the pool ends before another
/// callback is called.
class PoolLease {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using milliseconds = std::chrono::milliseconds;

    PoolLease(std::size_t lanes, milliseconds app_window, milliseconds gone_after)
        : app_window_(app_window), gone_after_(gone_after), lanes_(lanes, LaneState{true}) {}

    /// `answered`: when the newest stamp was sent that the proxy has answered, on the lane where that is longest ago.
    void renew(TimePoint answered) noexcept { ends_ = answered + app_window_; }
    /// Whether no callback may be called any more.
    bool is_over(TimePoint now) const noexcept { return now > ends_; }

    /// A lane has a link, or none. Of a new one it is said when it begins to count.
    void on_attached(std::size_t lane) { at(lane) = {true}; }
    void on_lost(std::size_t lane, bool by_peer, TimePoint now) { at(lane) = {true, now, by_peer}; }
    /// A lane is no part of the pool any more.
    void on_fallen(std::size_t lane) { at(lane) = {}; }
    bool has(std::size_t lane) const noexcept { return lane < lanes_.size() && lanes_[lane].counts; }
    /// Whether the proxy closed all links so long ago that it is gone.
    bool is_abandoned(TimePoint now) const noexcept {
        for (const auto& lane : lanes_) {
            if (!lane.counts) continue;
            if (!lane.lost || !lane.by_peer || now - *lane.lost < gone_after_) return false;
        }
        return true;
    }
    bool has_lost() const noexcept {
        for (const auto& lane : lanes_) {
            if (lane.lost) return true;
        }
        return false;
    }

  private:
    struct LaneState {
        bool counts = false;
        std::optional<TimePoint> lost{};
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
