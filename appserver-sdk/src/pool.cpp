#include "appserver-sdk/src/pool.hpp"

#include <algorithm>
#include <utility>

#include "appserver-sdk/src/core.hpp"
#include "appserver-sdk/src/from_proxy.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline {

namespace {

constexpr std::chrono::milliseconds kDefaultAppWindow{25'000};
constexpr std::chrono::milliseconds kLongestAppWindow{3'600'000};

std::size_t max_frame_of(const protocol::Hello& proxy) {
    return proxy.max_frame == 0 ? protocol::kDefaultMaxFrame : static_cast<std::size_t>(proxy.max_frame);
}

bool speak(const char* feature, const protocol::Hello& ours, const protocol::Hello& theirs) {
    const auto spoken = protocol::spoken_features(ours.features, theirs.features);
    return std::find(spoken.begin(), spoken.end(), feature) != spoken.end();
}

protocol::LaneSettings lane_settings(const Core& core, const protocol::Hello& proxy) {
    auto settings = core.lane_settings();
    settings.keep_alive = std::min(settings.keep_alive, app_window_of(proxy) / 4);  // else idleness would end the lease
    return settings;
}

}  // namespace

std::chrono::milliseconds app_window_of(const protocol::Hello& proxy) {
    return proxy.app_window.count() == 0 ? kDefaultAppWindow : std::min(proxy.app_window, kLongestAppWindow);
}

Pool::Pool(Core& core, ProxyPeer& peer, const protocol::Hello& proxy, const protocol::Attach& attach)
    : core_(core),
      peer_(peer),
      id_(attach.pool),
      worker_(proxy.worker),
      resumes_(speak(protocol::kFeatureResume, core.own_hello(), proxy)),
      migrates_(speak(protocol::kFeatureMigrate, core.own_hello(), proxy)),
      resizes_(resumes_ && speak(protocol::kFeatureResize, core.own_hello(), proxy)),
      budget_(std::make_shared<PoolBudget>(peer.epoch(), max_frame_of(proxy), attach.lanes,
                                           resizes_ ? kMaxLanes : attach.lanes)),
      lane_settings_(lane_settings(core, proxy)),
      barrier_(attach.lanes),
      lease_(attach.lanes, app_window_of(proxy), core.limits().proxy_gone_after) {
    while (lanes_.size() < attach.lanes) add_lane();
}

void Pool::add_lane() {
    const auto index = static_cast<std::uint32_t>(lanes_.size());
    lanes_.push_back(std::make_unique<LaneSlot>(*this, index, budget_->lane[index], lane_settings_));
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

// --- Drain ---

void Pool::announce_drain() {
    if (!migrates_) return;  // its clients stay until the time is over
    protocol::Buffer frame;
    protocol::append(frame, protocol::Drain{0});
    for (std::uint32_t i = 0; i < budget_->lanes(); ++i) append_control(*lanes_[i], frame);
}

bool Pool::has_answered_drain() const noexcept {
    return std::all_of(lanes_.begin(), lanes_.begin() + barrier_.lanes(),
                       [](const auto& slot) { return slot->has_answered_drain; });
}

// --- Links come and go ---

void Pool::on_attached(LaneSlot& slot) {
    if (has_ended_) return;
    if (counts(slot)) lease_.on_attached(slot.index);
    if (is_up_) {
        renew_lease();
        on_progress(slot);
        if (has_ended_) return;
        go_on(slot);
        if (!has_ended_) core_.on_room(slot);
        return;
    }
    if (attached() != lanes_.size()) return;
    is_up_ = true;
    renew_lease();
    core_.on_pool_up(*this);
}

void Pool::on_lost(LaneSlot& slot, const boost::system::error_code& why) {
    slot.link = nullptr;
    const auto code = net::bye_code(why);
    if (!resumes_ || !is_up_ || code != protocol::ByeCode::link_lost) {
        return end(code, "lane " + std::to_string(slot.index) + " lost its link: " + why.message());
    }
    if (counts(slot)) lease_.on_lost(slot.index, net::is_closed_by_peer(why), core_.loop().now());
    core_.log(LogLevel::warning, "proxy " + *peer_.id() + ", worker " + std::to_string(worker_) + ": lane " +
                                     std::to_string(slot.index) + " lost its link: " + why.message());
    core_.watch_lost_links();
}

void Pool::renew_lease() {
    auto answered = net::Clock::time_point::max();
    for (const auto& slot : lanes_) {
        const bool was_attached = slot->lane.answered() != net::Clock::time_point{};
        if (was_attached && counts(*slot)) answered = std::min(answered, slot->lane.answered());
    }
    lease_.renew(answered);
}

bool Pool::holds_lease(net::Clock::time_point now) {
    if (has_ended_) return false;
    if (!resumes_ || !lease_.is_over(now)) return true;
    end(protocol::ByeCode::link_lost,
        "the proxy has not answered within the window: it may have given its clients to another");
    return false;
}

bool Pool::look(net::Clock::time_point now) {
    if (!holds_lease(now)) return false;
    if (resumes_ && lease_.is_abandoned(now)) {
        end(protocol::ByeCode::link_lost, "the proxy closed all links and does not come back");
        return false;
    }
    return lease_.has_lost();
}

void Pool::probe() {
    for (const auto& slot : lanes_) {
        if (slot->link == nullptr || !slot->link->is_attached()) continue;
        slot->lane.probe();
        slot->link->touch();
    }
}

bool Pool::was_answered(net::Clock::time_point since) const {
    return std::any_of(lanes_.begin(), lanes_.end(), [&](const auto& slot) { return slot->lane.answered() >= since; });
}

// --- What they bring ---

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
    if (is_up_) renew_lease();
    on_progress(slot);
    if (!has_ended_) fall_away(slot);
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
    if (has_ended_ || !slot.lane.is_attached() || !slot.lane.has_waiting() || !has_room(slot.budget, core_.limits()))
        return;
    FromProxy sink(core_, slot);
    const auto taken = slot.lane.resume(core_.loop().now(), sink);
    if (has_ended_) return;
    if (!taken) {
        return end(net::bye_code(taken.error()),
                   "lane " + std::to_string(slot.index) + ", a frame that had waited: " + taken.error().message());
    }
    if (slot.link != nullptr) slot.link->touch();
    fall_away(slot);
}

void Pool::go_on() {
    for (const auto& slot : lanes_) go_on(*slot);
}

void Pool::append(LaneSlot& slot, std::string_view frame) {
    slot.lane.append(frame);
    if (slot.link != nullptr) slot.link->touch();
    watch_if_full(slot);
}

void Pool::append_message(LaneSlot& slot, std::string_view frame) {
    slot.lane.append(frame);
    if (slot.link != nullptr) slot.link->touch_data(frame.size());
    watch_if_full(slot);
}

void Pool::watch_if_full(LaneSlot& slot) {
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
    if (slot.owed.empty() && slot.mark_end == LaneSlot::kMarkOwed) slot.mark_end = slot.lane.appended();
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
        if (slot->lane.is_attached()) slot->lane.close(bye);
        link->close();
    }
    core_.on_pool_ended(*this, why);
}

}  // namespace trunkline
