#include "appserver-sdk/src/pool.hpp"

#include <algorithm>
#include <utility>

#include "appserver-sdk/src/core/core.hpp"
#include "appserver-sdk/src/from_proxy.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline {

namespace {

constexpr std::chrono::milliseconds kDefaultAppWindow{25'000};
constexpr std::chrono::milliseconds kLongestAppWindow{3'600'000};

std::size_t max_frame_of(const protocol::Hello& proxy) {
    return proxy.max_frame == 0 ? protocol::kDefaultMaxFrame : static_cast<std::size_t>(proxy.max_frame);
}

bool both_have(const char* feature, const protocol::Hello& ours, const protocol::Hello& theirs) {
    const auto spoken = protocol::spoken_features(ours.features, theirs.features);
    return std::find(spoken.begin(), spoken.end(), feature) != spoken.end();
}

protocol::LaneSettings lane_settings(const Limits& limits, const protocol::Hello& proxy) {
    protocol::LaneSettings settings;
    settings.window_bytes = limits.window;
    settings.ring_bytes = limits.ring;
    settings.max_frame_bytes = limits.max_frame;
    settings.keep_alive = std::min(limits.keep_alive, app_window_of(proxy) / 4);  // else an idle pool would end
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
      resumes_(both_have(protocol::kFeatureResume, core.own_hello, proxy)),
      migrates_(both_have(protocol::kFeatureMigrate, core.own_hello, proxy)),
      resizes_(resumes_ && both_have(protocol::kFeatureResize, core.own_hello, proxy)),
      budget_(std::make_shared<PoolBudget>(peer.epoch(), max_frame_of(proxy), attach.lanes,
                                           resizes_ ? kMaxLanes : attach.lanes)),
      lane_settings_(lane_settings(core.limits(), proxy)),
      barrier_(attach.lanes),
      life_(attach.lanes, app_window_of(proxy), core.limits().proxy_gone_after) {
    while (lanes_.size() < attach.lanes) add_lane();
}

void Pool::add_lane() {
    const auto index = static_cast<std::uint32_t>(lanes_.size());
    lanes_.push_back(std::make_unique<PoolLane>(*this, index, budget_->lane[index], lane_settings_));
}

std::size_t Pool::attached() const noexcept {
    std::size_t count = 0;
    for (const auto& lane : lanes_) count += lane->stream.is_attached() ? 1 : 0;
    return count;
}

bool Pool::is_flushed() const noexcept {
    for (const auto& lane : lanes_) {
        if (lane->stream.held_bytes() != 0 || !lane->owed.empty()) return false;
    }
    return true;
}

// --- Drain ---

void Pool::announce_drain() {
    if (!migrates_) return;  // its clients stay until the drain has taken too long
    protocol::Buffer frame;
    protocol::append(frame, protocol::Drain{0});
    for (std::uint32_t i = 0; i < budget_->lanes(); ++i) append_control(*lanes_[i], frame);
}

bool Pool::has_answered_drain() const noexcept {
    return std::all_of(lanes_.begin(), lanes_.begin() + barrier_.lanes(),
                       [](const auto& lane) { return lane->has_answered_drain; });
}

// --- Links come and go ---

void Pool::on_attached(PoolLane& lane) {
    if (has_ended_) return;
    if (counts(lane)) life_.on_attached(lane.index);
    if (is_up_) {
        renew_life();
        on_progress(lane);
        if (has_ended_) return;
        go_on(lane);
        if (!has_ended_) core_.room.on_room(lane);
        return;
    }
    if (attached() != lanes_.size()) return;
    is_up_ = true;
    renew_life();
    core_.pool_events.on_up(*this);
}

void Pool::on_lost(PoolLane& lane, const boost::system::error_code& why) {
    lane.link = nullptr;
    const auto code = net::bye_code(why);
    if (!resumes_ || !is_up_ || code != protocol::ByeCode::link_lost) {
        return end(code, "lane " + std::to_string(lane.index) + " lost its link: " + why.message());
    }
    if (counts(lane)) life_.on_lost(lane.index, net::is_closed_by_peer(why), core_.loop().now());
    core_.log.write(LogLevel::warning, "proxy " + *peer_.id() + ", worker " + std::to_string(worker_) + ": lane " +
                                           std::to_string(lane.index) + " lost its link: " + why.message());
    core_.watch.expect_lost_links();
}

void Pool::renew_life() {
    auto answered = net::Clock::time_point::max();
    for (const auto& lane : lanes_) {
        const bool was_attached = lane->stream.answered() != net::Clock::time_point{};
        if (was_attached && counts(*lane)) answered = std::min(answered, lane->stream.answered());
    }
    life_.renew(answered);
}

bool Pool::may_call_back(net::Clock::time_point now) {
    if (has_ended_) return false;
    if (!resumes_ || !life_.is_over(now)) return true;
    end(protocol::ByeCode::link_lost,
        "the proxy has not answered within the window: it may have given its clients to another");
    return false;
}

bool Pool::look(net::Clock::time_point now) {
    if (!may_call_back(now)) return false;
    if (resumes_ && life_.is_abandoned(now)) {
        end(protocol::ByeCode::link_lost, "the proxy closed all links and does not come back");
        return false;
    }
    return life_.has_lost();
}

void Pool::probe() {
    for (const auto& lane : lanes_) {
        if (lane->link == nullptr || !lane->link->is_attached()) continue;
        lane->stream.probe();
        lane->link->touch();
    }
}

bool Pool::was_answered(net::Clock::time_point since) const {
    return std::any_of(lanes_.begin(), lanes_.end(),
                       [&](const auto& lane) { return lane->stream.answered() >= since; });
}

// --- In ---

void Pool::on_chunk(PoolLane& lane, std::string_view chunk) {
    if (has_ended_) return;
    FromProxy sink(core_.connections, core_.sends, core_.limits(), lane);
    const auto begin = net::Clock::now();
    const auto taken = lane.stream.receive(chunk, core_.loop().now(), sink);
    core_.callbacks.check_time(begin, "the callbacks for one piece of input");
    if (has_ended_) return;
    if (!taken) {
        return end(net::bye_code(taken.error()), "lane " + std::to_string(lane.index) + ", offset " +
                                                     std::to_string(lane.stream.received()) + ": " +
                                                     taken.error().message());
    }
    if (is_up_) renew_life();
    on_progress(lane);
    if (!has_ended_) remove_if_done(lane);
}

void Pool::on_progress(PoolLane& lane) {
    const auto released = lane.stream.peer_handled() - lane.released;
    if (released == 0) return;
    lane.released += released;
    lane.budget.used_bytes.fetch_sub(released, std::memory_order_relaxed);

    append_owed(lane);
    lane.full_since.reset();
    if (!lane.stream.has_room()) lane.full_since = core_.loop().now();
    go_on(lane);
    if (!has_ended_) core_.room.on_room(lane);
}

void Pool::go_on(PoolLane& lane) {
    if (has_ended_ || !lane.stream.is_attached() || !lane.stream.has_waiting() ||
        !has_room(lane.budget, core_.limits()))
        return;
    FromProxy sink(core_.connections, core_.sends, core_.limits(), lane);
    const auto taken = lane.stream.resume(core_.loop().now(), sink);
    if (has_ended_) return;
    if (!taken) {
        return end(net::bye_code(taken.error()),
                   "lane " + std::to_string(lane.index) + ", a frame that had waited: " + taken.error().message());
    }
    if (lane.link != nullptr) lane.link->touch();
    remove_if_done(lane);
}

void Pool::go_on() {
    for (const auto& lane : lanes_) go_on(*lane);
}

// --- Out ---

void Pool::append(PoolLane& lane, std::string_view frame) {
    lane.stream.append(frame);
    if (lane.link != nullptr) lane.link->touch();
    watch_if_full(lane);
}

void Pool::append_message(PoolLane& lane, std::string_view frame) {
    lane.stream.append(frame);
    if (lane.link != nullptr) lane.link->touch_data(frame.size());
    watch_if_full(lane);
}

void Pool::watch_if_full(PoolLane& lane) {
    if (!lane.full_since && !lane.stream.has_room()) {
        lane.full_since = core_.loop().now();
        core_.watch.expect_stall();
    }
}

bool Pool::append_if_reserve(PoolLane& lane, std::string_view frame) {
    if (!has_reserve(lane.budget, core_.limits(), frame.size())) return false;
    lane.budget.used_bytes.fetch_add(frame.size(), std::memory_order_relaxed);
    append(lane, frame);
    return true;
}

void Pool::append_control(PoolLane& lane, std::string_view frame) {
    if (append_if_reserve(lane, frame)) return;
    lane.owed.emplace_back(frame);
    lane.budget.owes.store(true, std::memory_order_relaxed);
}

void Pool::append_pause(PoolLane& lane, ConnectionState& connection) {
    if (connection.pause_hook.is_linked()) return;
    protocol::Buffer frame;
    protocol::append(frame, protocol::Pause{connection.chan, connection.is_paused});
    if (append_if_reserve(lane, frame)) return;
    lane.owed_pauses.push_back(connection);
    lane.budget.owes.store(true, std::memory_order_relaxed);
}

/// Sends the frames that are owed, as far as there is room in the reserve.
void Pool::append_owed(PoolLane& lane) {
    lane.budget.owes.store(false, std::memory_order_relaxed);
    while (!lane.owed.empty() && append_if_reserve(lane, lane.owed.front())) lane.owed.pop_front();
    if (lane.owed.empty() && lane.mark_end == PoolLane::kMarkOwed) lane.mark_end = lane.stream.appended();
    protocol::Buffer frame;
    while (lane.owed.empty() && !lane.owed_pauses.empty()) {
        const ConnectionState& connection = lane.owed_pauses.front();
        frame.clear();
        protocol::append(frame, protocol::Pause{connection.chan, connection.is_paused});
        if (!append_if_reserve(lane, frame)) break;
        lane.owed_pauses.pop_front();
    }
    const bool owes = !lane.owed.empty() || !lane.owed_pauses.empty();
    lane.budget.owes.store(owes, std::memory_order_relaxed);
}

void Pool::end(protocol::ByeCode code, std::string_view why) {
    if (has_ended_) return;
    has_ended_ = true;
    protocol::Buffer bye;
    protocol::append(bye, protocol::Bye{code, why});
    for (const auto& lane : lanes_) {
        IncomingLink* link = std::exchange(lane->link, nullptr);
        if (link == nullptr) continue;
        if (lane->stream.is_attached()) lane->stream.close(bye);
        link->close();
    }
    core_.pool_events.on_ended(*this, why);
}

}  // namespace trunkline
