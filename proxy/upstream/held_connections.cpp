#include "proxy/upstream/held_connections.hpp"

#include <algorithm>
#include <utility>

#include "proxy/log/logging.hpp"
#include "proxy/session/session.hpp"
#include "proxy/upstream/lane_pool.hpp"
#include "proxy/upstream/upstream.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::proxy {

using protocol::Bytes;

namespace {

constexpr std::chrono::milliseconds kLook{20};

/// Takes the frames of a ring that concern one held connection each.
struct Unhandled {
    std::unordered_map<std::uint64_t, HeldConnection*>& by_chan;
    std::unordered_map<HeldConnection*, std::vector<HeldMessage>>& messages;
    std::size_t of_nobody = 0;
    bool was_written = false;

    HeldConnection* find(protocol::Chan chan) const {
        const auto found = by_chan.find(static_cast<std::uint64_t>(chan));
        return found == by_chan.end() ? nullptr : found->second;
    }
    void on(const protocol::Data& data) {
        HeldConnection* held = find(data.chan);
        if (held == nullptr) {
            ++of_nobody;
            return;
        }
        if (data.redelivered && was_written) held->is_killer = true;
        messages[held].push_back({data.kind, was_written || data.redelivered, std::string(data.payload)});
    }
    template <class Other>
    void on(const Other&) {}
};

}  // namespace

HeldConnections::~HeldConnections() = default;

HeldConnection& HeldConnections::add(HeldConnection&& held) {
    held.since = loop_.now();
    held_.push_back(std::make_unique<HeldConnection>(std::move(held)));
    count();
    if (!time_.is_scheduled()) loop_.schedule(time_, loop_.now() + kLook);
    return *held_.back();
}

void HeldConnections::count() {
    upstream_.home().counters.held_connections.add(static_cast<std::int64_t>(held_.size()) -
                                                   static_cast<std::int64_t>(counted_));
    counted_ = held_.size();
}

HeldConnection& HeldConnections::take(Session& session, protocol::Chan chan, const LanePool& pool) {
    HeldConnection held;
    held.session = &session;
    held.app_server = pool.name();
    held.pool = &pool;
    HeldConnection& added = add(std::move(held));
    by_chan_[&pool].emplace(static_cast<std::uint64_t>(chan), &added);
    return added;
}

void HeldConnections::take(Departed&& departed, const LanePool& pool) {
    HeldConnection held;
    held.departed = std::move(departed);
    held.app_server = pool.name();
    held.pool = &pool;
    HeldConnection& added = add(std::move(held));
    by_chan_[&pool].emplace(static_cast<std::uint64_t>(added.departed.chan), &added);
}

HeldConnection& HeldConnections::move(Session& session) {
    HeldConnection held;
    held.session = &session;
    held.why = protocol::OpenReason::migrated;
    HeldConnection& added = add(std::move(held));
    loop_.schedule(time_, loop_.now());
    return added;
}

std::size_t HeldConnections::on_pool_gone(LanePool& pool) {
    std::unordered_map<HeldConnection*, std::vector<HeldMessage>> messages;
    Chans& by_chan = by_chan_[&pool];
    Unhandled sink{by_chan, messages};
    for (unsigned i = 0; i < pool.size(); ++i) {
        pool.lane(i).linked.lane.for_each_held([&](Bytes body, bool was_written) {
            sink.was_written = was_written;
            static_cast<void>(protocol::decode(body, sink));  // our own encoding
        });
    }
    for (auto& [held, list] : messages) {
        held->messages.insert(held->messages.begin(), std::make_move_iterator(list.begin()),
                              std::make_move_iterator(list.end()));
    }
    for (const auto& [chan, held] : by_chan) held->pool = nullptr;
    by_chan_.erase(&pool);
    place();
    return sink.of_nobody;
}

// --- Where to ---

void HeldConnections::on_time(net::Clock::time_point) { place(); }

void HeldConnections::place() {
    const auto now = loop_.now();
    std::vector<std::unique_ptr<HeldConnection>> all;
    all.swap(held_);  // what is closed here may call back
    for (auto& held : all) {
        if (held->pool != nullptr || !settle(*held, now)) held_.push_back(std::move(held));
    }
    count();
    if (!held_.empty()) loop_.schedule(time_, now + kLook);
}

/// Whether this one is held no longer: opened, closed, or there is nothing left to do for it.
bool HeldConnections::settle(HeldConnection& held, net::Clock::time_point now) {
    if (held.session == nullptr && held.messages.empty()) return true;
    if (held.is_killer) {
        log_warn("connection closed: its message was handed to two app servers and both were lost",
                 {{"upstream", upstream_.name()}});
        give_up(held, CloseReason::redelivered_twice);
        return true;
    }
    const bool has_waited = now - held.since >= policy_.hold;
    const bool any = held.app_server.empty() || (has_waited && policy_.then == config::ThenLost::reassign);
    const auto key = held.session != nullptr ? held.session->key() : held.departed.key;
    if (PoolLane* lane = upstream_.lane_for(key, held.app_server, any)) {
        reopen(held, *lane);
        return true;
    }
    // One that is there takes it as soon as its lane has room and a link.
    if (!has_waited || upstream_.has_taker(held.app_server, any)) return false;
    give_up(held, CloseReason::app_server_lost);
    return true;
}

void HeldConnections::give_up(HeldConnection& held, CloseReason why) {
    upstream_.home().counters.drops(DropReason::app_server_lost).add(held.messages.size());
    if (held.session != nullptr) std::exchange(held.session, nullptr)->give_up(why);
}

void HeldConnections::reopen(HeldConnection& held, PoolLane& lane) {
    Session* session = held.session;
    OpenRecord& record = session != nullptr ? session->record() : held.departed.record;
    const auto chan = upstream_.reopen(lane, session, held.departed, record, held.why);
    for (const HeldMessage& message : held.messages) {
        if (message.payload.size() > lane.max_payload()) {  // than what the app server before took
            upstream_.home().counters.drops(DropReason::too_large).add();
            continue;
        }
        if (message.redelivered) {
            protocol::Buffer frame;
            append(frame, protocol::Data{chan, message.kind, message.payload, true});
            lane.linked.send_data(frame, {});
            upstream_.home().counters.redelivered.add();
        } else {
            lane.send_data(chan, message.kind, message.payload);
        }
    }
    if (session != nullptr) return session->on_placed({&lane, chan});
    protocol::Buffer close;
    append(close, protocol::Close{chan, held.departed.code, {}, held.departed.by});
    if (!lane.send_control(close)) lane.linked.send_data(close, {});  // it has no session that could wait with it
    held.departed.chan = chan;
    lane.keep(std::move(held.departed));
}

void HeldConnections::stop() {
    time_.cancel();
    for (const auto& held : std::exchange(held_, {})) {
        give_up(*held, CloseReason::draining);
    }
    by_chan_.clear();
}

}  // namespace trunkline::proxy
