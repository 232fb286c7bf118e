#include "appserver-sdk/src/pool.hpp"

#include <utility>

#include "appserver-sdk/src/core.hpp"
#include "appserver-sdk/src/from_proxy.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline {

Pool::Pool(Core& core, ProxyPeer& peer, const protocol::PoolId& id, std::uint32_t worker, std::uint32_t lanes,
           std::size_t max_frame)
    : core_(core),
      peer_(peer),
      id_(id),
      worker_(worker),
      budget_(std::make_shared<PoolBudget>(peer.epoch(), max_frame, lanes)) {
    lanes_.reserve(lanes);
    for (std::uint32_t i = 0; i < lanes; ++i) {
        lanes_.push_back(std::make_unique<LaneSlot>(*this, i, budget_->lane[i], core.lane_settings()));
    }
}

std::size_t Pool::attached() const noexcept {
    std::size_t count = 0;
    for (const auto& slot : lanes_) count += slot->lane.is_attached() ? 1 : 0;
    return count;
}

bool Pool::is_flushed() const noexcept {
    for (const auto& slot : lanes_) {
        if (slot->lane.held_bytes() != 0 || !slot->owed.empty()) return false;
    }
    return true;
}

void Pool::on_attached(LaneSlot&) {
    if (is_up_ || has_ended_ || attached() != lanes_.size()) return;
    is_up_ = true;
    core_.on_pool_up(*this);
}

void Pool::on_chunk(LaneSlot& slot, std::string_view chunk) {
    if (has_ended_) return;
    FromProxy sink(core_, slot);
    const auto begin = net::Clock::now();
    const auto taken = slot.lane.receive(chunk, core_.loop().now(), sink);
    core_.check_time(begin, "the callbacks for one piece of input");
    if (has_ended_) return;
    if (!taken) {
        return end(net::bye_code(taken.error()), "lane " + std::to_string(slot.index) + ", offset " +
                                                     std::to_string(slot.lane.received()) + ": " +
                                                     taken.error().message());
    }
    on_progress(slot);
}

void Pool::on_progress(LaneSlot& slot) {
    const auto released = slot.lane.peer_handled() - slot.released;
    if (released == 0) return;
    slot.released += released;
    slot.budget.used_bytes.fetch_sub(released, std::memory_order_relaxed);

    pay(slot);
    slot.full_since.reset();
    if (!slot.lane.has_room()) slot.full_since = core_.loop().now();
    go_on(slot);
    if (!has_ended_) core_.on_room(slot);
}

void Pool::go_on(LaneSlot& slot) {
    if (has_ended_ || !slot.lane.has_waiting() || !has_room(slot.budget, core_.limits())) return;
    FromProxy sink(core_, slot);
    const auto taken = slot.lane.resume(core_.loop().now(), sink);
    if (has_ended_) return;
    if (!taken) {
        return end(net::bye_code(taken.error()),
                   "lane " + std::to_string(slot.index) + ", a frame that had waited: " + taken.error().message());
    }
    if (slot.link != nullptr) slot.link->touch();
}

void Pool::append(LaneSlot& slot, std::string_view frame) {
    slot.lane.append(frame);
    if (slot.link != nullptr) slot.link->touch();
    if (!slot.full_since && !slot.lane.has_room()) {
        slot.full_since = core_.loop().now();
        core_.watch_stall();
    }
}

bool Pool::append_if_reserve(LaneSlot& slot, std::string_view frame) {
    if (!has_reserve(slot.budget, core_.limits(), frame.size())) return false;
    slot.budget.used_bytes.fetch_add(frame.size(), std::memory_order_relaxed);
    append(slot, frame);
    return true;
}

void Pool::append_control(LaneSlot& slot, std::string_view frame) {
    if (append_if_reserve(slot, frame)) return;
    slot.owed.emplace_back(frame);
    slot.budget.owes.store(true, std::memory_order_relaxed);
}

void Pool::append_pause(LaneSlot& slot, const std::shared_ptr<ConnectionState>& state) {
    if (state->owes_pause) return;
    protocol::Buffer frame;
    protocol::append(frame, protocol::Pause{state->chan, state->is_paused});
    if (append_if_reserve(slot, frame)) return;
    state->owes_pause = true;
    slot.owed_pauses.push_back(state);
    slot.budget.owes.store(true, std::memory_order_relaxed);
}

/// Sends what is owed, as far as the reserve goes.
void Pool::pay(LaneSlot& slot) {
    slot.budget.owes.store(false, std::memory_order_relaxed);
    while (!slot.owed.empty() && append_if_reserve(slot, slot.owed.front())) slot.owed.pop_front();
    if (slot.owed.empty()) {
        for (const auto& state : std::exchange(slot.owed_pauses, {})) {
            state->owes_pause = false;
            if (state->pool != nullptr) append_pause(slot, state);
        }
    }
    if (!slot.owed.empty()) slot.budget.owes.store(true, std::memory_order_relaxed);
}

void Pool::end(protocol::ByeCode code, std::string_view why) {
    if (has_ended_) return;
    has_ended_ = true;
    protocol::Buffer bye;
    protocol::append(bye, protocol::Bye{code, why});
    for (const auto& slot : lanes_) {
        IncomingLink* link = std::exchange(slot->link, nullptr);
        if (link == nullptr) continue;
        if (slot->lane.is_attached()) slot->lane.append_unsequenced(bye);
        link->close();
    }
    core_.on_pool_ended(*this, why);
}

}  // namespace trunkline
