// How a pool that is up gets more lanes, or fewer, as its proxy wants (SPEC.md "Resize").
#include <algorithm>
#include <utility>

#include "appserver-sdk/src/core/core.hpp"
#include "appserver-sdk/src/incoming_link.hpp"
#include "appserver-sdk/src/pool.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline {

PoolLane* Pool::lane_for(const protocol::Attach& attach) {
    const bool is_known = attach.lane < lanes_.size() && !lanes_[attach.lane]->is_removed;
    if (is_known && (resizes_ || attach.lanes == lanes_.size())) return lanes_[attach.lane].get();
    if (is_known || !resizes_ || !is_up_ || attach.lane >= attach.lanes || barrier_.is_waiting()) return nullptr;
    while (lanes_.back()->is_removed) lanes_.pop_back();
    while (lanes_.size() < attach.lanes) add_lane();
    return attach.lane < lanes_.size() && !lanes_[attach.lane]->is_removed ? lanes_[attach.lane].get() : nullptr;
}

protocol::Result<void> Pool::on_mark(PoolLane& lane, const protocol::Mark& mark) {
    if (!resizes_) return protocol::errc::unexpected_frame;
    auto existing = static_cast<std::uint32_t>(lanes_.size());
    while (lanes_[existing - 1]->is_removed) --existing;
    TRUNKLINE_TRY(const bool is_last, barrier_.on_mark(lane.index, mark, existing));
    if (!is_last) return protocol::success();
    for (const auto& added : lanes_) {
        if (!counts(*added) || life_.has(added->index)) continue;
        const bool has_link = added->stream.is_attached();
        has_link ? life_.on_attached(added->index) : life_.on_lost(added->index, false, core_.loop().now());
    }
    renew_life();
    std::uint64_t highest = 0;
    for (const auto& each : lanes_) highest = std::max(highest, each->highest_opened);
    for (const auto& each : lanes_) each->highest_opened = highest;
    switch_lanes(mark);
    return protocol::success();
}

/// Writes our own Marks, between the last frame whose home lane the old number decided and the first by the new one.
void Pool::switch_lanes(const protocol::Mark& mark) {
    const auto concerned = std::max(budget_->lanes(), mark.lanes);
    protocol::Buffer frame;
    protocol::append(frame, mark);
    OwedPauses owed_pauses;
    core_.calls.set_lanes(*budget_, mark.lanes, [&] {
        for (std::uint32_t i = 0; i < concerned; ++i) {
            PoolLane& lane = *lanes_[i];
            owed_pauses.splice(owed_pauses.end(), lane.owed_pauses);
            append_control(lane, frame);
            lane.mark_end = lane.owed.empty() ? lane.stream.appended() : PoolLane::kMarkOwed;
        }
    });
    while (!owed_pauses.empty()) {  // behind the Marks, on the lane that is the home lane now
        const auto connection = *connections_.find(owed_pauses.front().chan);
        owed_pauses.pop_front();
        core_.tasks.defer([connection] {
            if (PoolLane* lane = home_lane(*connection)) lane->pool.append_pause(*lane, *connection);
        });
    }
    core_.pool_events.on_resized(*this);
}

bool Pool::waits_for_marks(const PoolLane& lane) const noexcept {
    const auto is_marked = [](const PoolLane& each) { return each.stream.peer_handled() >= each.mark_end; };
    return is_marked(lane) &&
           !std::all_of(lanes_.begin(), lanes_.end(), [&](const auto& each) { return is_marked(*each); });
}

/// Closes the link of a lane that is the home lane of no connection any more, if all its frames have been handled on
/// both sides. When the proxy attaches the lane again, it is refused, and knows from that that the lane is removed.
void Pool::remove_if_done(PoolLane& lane) {
    if (lane.index < std::max(budget_->lanes(), barrier_.lanes()) || barrier_.is_waiting() || lane.link == nullptr)
        return;
    const bool is_done = lane.stream.held_bytes() == 0 && lane.owed.empty() && !lane.stream.has_waiting();
    if (!counts(lane) || !is_done || lane.budget.open_requests.load(std::memory_order_relaxed) != 0) return;
    lane.is_removed = true;
    life_.on_removed(lane.index);
    lane.stream.probe();  // a last Ack
    std::exchange(lane.link, nullptr)->close();
}

}  // namespace trunkline
