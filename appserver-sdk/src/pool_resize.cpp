// How a pool that is up gets more lanes, or fewer, as its proxy wants (SPEC.md "Resize").
#include <algorithm>
#include <iterator>
#include <utility>

#include "appserver-sdk/src/core.hpp"
#include "appserver-sdk/src/incoming_link.hpp"
#include "appserver-sdk/src/pool.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline {

LaneSlot* Pool::slot_for(const protocol::Attach& attach) {
    const bool is_known = attach.lane < lanes_.size() && !lanes_[attach.lane]->has_fallen;
    if (is_known && (resizes_ || attach.lanes == lanes_.size())) return lanes_[attach.lane].get();
    if (is_known || !resizes_ || !is_up_ || attach.lane >= attach.lanes || barrier_.is_waiting()) return nullptr;
    while (lanes_.back()->has_fallen) lanes_.pop_back();
    while (lanes_.size() < attach.lanes) add_lane();
    return attach.lane < lanes_.size() && !lanes_[attach.lane]->has_fallen ? lanes_[attach.lane].get() : nullptr;
}

protocol::Result<void> Pool::on_mark(LaneSlot& slot, const protocol::Mark& mark) {
    if (!resizes_) return protocol::errc::unexpected_frame;
    auto existing = static_cast<std::uint32_t>(lanes_.size());
    while (lanes_[existing - 1]->has_fallen) --existing;
    TRUNKLINE_TRY(const bool is_last, barrier_.on_mark(slot.index, mark, existing));
    if (!is_last) return protocol::success();
    for (const auto& added : lanes_) {
        if (!counts(*added) || lease_.has(added->index)) continue;
        const bool has_link = added->lane.is_attached();
        has_link ? lease_.on_attached(added->index) : lease_.on_lost(added->index, false, core_.loop().now());
    }
    renew_lease();
    std::uint64_t highest = 0;
    for (const auto& lane : lanes_) highest = std::max(highest, lane->highest_opened);
    for (const auto& lane : lanes_) lane->highest_opened = highest;
    switch_lanes(mark);
    return protocol::success();
}

/// Writes our own Marks, between the last that was sent by the old number and the first by the new one.
void Pool::switch_lanes(const protocol::Mark& mark) {
    const auto concerned = std::max(budget_->lanes(), mark.lanes);
    protocol::Buffer frame;
    protocol::append(frame, mark);
    std::vector<std::shared_ptr<ConnectionState>> owed_pauses;
    core_.set_lanes(*budget_, mark.lanes, [&] {
        for (std::uint32_t i = 0; i < concerned; ++i) {
            LaneSlot& slot = *lanes_[i];
            std::move(slot.owed_pauses.begin(), slot.owed_pauses.end(), std::back_inserter(owed_pauses));
            slot.owed_pauses.clear();
            append_control(slot, frame);
            slot.mark_end = slot.owed.empty() ? slot.lane.appended() : LaneSlot::kMarkOwed;
        }
    });
    for (const auto& state : owed_pauses) {  // behind the Marks, on the lane that is its home now
        state->owes_pause = false;
        core_.append_pause_later(state);
    }
    core_.on_resized(*this);
}

bool Pool::waits_for_marks(const LaneSlot& slot) const noexcept {
    const auto is_marked = [](const LaneSlot& lane) { return lane.lane.peer_handled() >= lane.mark_end; };
    return is_marked(slot) &&
           !std::all_of(lanes_.begin(), lanes_.end(), [&](const auto& lane) { return is_marked(*lane); });
}

/// Closes the link of a lane that is home to nobody any more, if all has been handled on both sides. The proxy knows
/// that it will not be needed again when it is refused once more.
void Pool::fall_away(LaneSlot& slot) {
    if (slot.index < std::max(budget_->lanes(), barrier_.lanes()) || barrier_.is_waiting() || slot.link == nullptr)
        return;
    const bool is_done = slot.lane.held_bytes() == 0 && slot.owed.empty() && !slot.lane.has_waiting();
    if (!counts(slot) || !is_done || slot.budget.open_requests.load(std::memory_order_relaxed) != 0) return;
    slot.has_fallen = true;
    lease_.on_fallen(slot.index);
    slot.lane.probe();  // a last Ack
    std::exchange(slot.link, nullptr)->close();
}

}  // namespace trunkline
