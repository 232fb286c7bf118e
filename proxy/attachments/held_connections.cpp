#include "proxy/attachments/held_connections.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "proxy/log/logging.hpp"
#include "proxy/clients/session.hpp"
#include "proxy/upstreams/native/lane_pool.hpp"
#include "proxy/upstreams/upstream.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::proxy {

using protocol::Bytes;

namespace {

constexpr std::chrono::milliseconds kLook{20};

/// Takes the frames of a ring that concern one held connection each.
struct Unhandled {
    const std::unordered_map<std::uint64_t, std::unique_ptr<HeldConnection>>& by_chan;
    std::unordered_map<HeldConnection*, std::vector<HeldMessage>>& messages;
    std::size_t of_nobody = 0;
    bool was_written = false;

    HeldConnection* find(protocol::Chan chan) const {
        const auto found = by_chan.find(static_cast<std::uint64_t>(chan));
        return found == by_chan.end() ? nullptr : found->second.get();
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

// --- Who waits ---

HeldConnection& HeldConnections::take(Session& session, protocol::Chan chan, const LanePool& pool) {
    return wait_for_pool(std::make_unique<HeldConnection>(upstream_.home().counters, session, pool.name()), chan, pool);
}

void HeldConnections::take(Departed&& departed, const LanePool& pool) {
    const auto chan = departed.chan;
    wait_for_pool(std::make_unique<HeldConnection>(upstream_.home().counters, std::move(departed), pool.name()), chan,
                  pool);
}

HeldConnection& HeldConnections::wait_for_pool(Held held, protocol::Chan chan, const LanePool& pool) {
    held->since = loop_.now();
    return *by_chan_[&pool].emplace(static_cast<std::uint64_t>(chan), std::move(held)).first->second;
}

HeldConnection& HeldConnections::move(Session& session) {
    auto held = std::make_unique<HeldConnection>(upstream_.home().counters, session, std::string());
    HeldConnection& moving = *held;
    moving.why = protocol::OpenReason::migrated;
    moving.since = loop_.now();
    wait_for_lane(std::move(held));
    loop_.schedule(time_, loop_.now());
    return moving;
}

HeldConnections::Place HeldConnections::place_of(const HeldConnection& held) {
    return {held.app_server, held.session != nullptr ? held.session->key() : held.departed.key};
}

void HeldConnections::wait_for_lane(Held held) {
    const auto since = held->since;
    queues_[place_of(*held)].emplace(since, std::move(held));
}

void HeldConnections::leave(HeldConnection& held, Departed&& departed) {
    held.session = nullptr;
    held.departed = std::move(departed);
    if (!held.messages().empty()) return;
    // Nothing is left to do for it, unless its pool is not gone: then nobody knows yet.
    const auto queue = queues_.find(place_of(held));
    if (queue == queues_.end()) return;
    const auto [begin, end] = queue->second.equal_range(held.since);
    const auto found = std::find_if(begin, end, [&](const auto& entry) { return entry.second.get() == &held; });
    if (found != end) queue->second.erase(found);
}

std::size_t HeldConnections::on_pool_gone(LanePool& pool) {
    std::unordered_map<HeldConnection*, std::vector<HeldMessage>> messages;
    Chans by_chan;
    by_chan.swap(by_chan_[&pool]);
    by_chan_.erase(&pool);
    Unhandled sink{by_chan, messages};
    pool.for_each_unhandled([&](Bytes body, bool was_written) {
        sink.was_written = was_written;
        static_cast<void>(protocol::decode(body, sink));  // our own encoding
    });
    for (auto& [held, list] : messages) held->put_first(std::move(list));
    for (auto& [chan, held] : by_chan) {
        if (held->is_killer) {
            log_warn("connection closed: its message was handed on once, and its app server was lost with it again",
                     {{"upstream", upstream_.name()}});
            give_up(*held, CloseReason::redelivered_twice);
        } else if (held->session != nullptr || !held->messages().empty()) {
            wait_for_lane(std::move(held));
        }
    }
    place();
    return sink.of_nobody;
}

// --- Where to ---

void HeldConnections::on_time(net::Clock::time_point) { place(); }

void HeldConnections::place() {
    const auto now = loop_.now();
    auto next = net::Clock::time_point::max();
    for (auto at = queues_.begin(); at != queues_.end();) {
        Queue& queue = at->second;
        while (!queue.empty()) {
            if (const auto again = settle(*queue.begin()->second, now)) {
                next = std::min(next, *again);
                break;  // who is behind it waits for the same lane, and not as long
            }
            queue.erase(queue.begin());
        }
        at = queue.empty() ? queues_.erase(at) : std::next(at);
    }
    if (next != net::Clock::time_point::max()) loop_.schedule(time_, next);
}

/// Opens or gives up this one; else says when to look again, if no app server comes up before.
std::optional<net::Clock::time_point> HeldConnections::settle(HeldConnection& held, net::Clock::time_point now) {
    const bool has_waited = now - held.since >= policy_.hold;
    const bool any = held.app_server.empty() || (has_waited && policy_.then == config::ThenLost::reassign);
    if (PoolLane* lane = upstream_.lane_for(place_of(held).second, held.app_server, any)) {
        reopen(held, *lane);
        return std::nullopt;
    }
    // One that is there takes it as soon as its lane has room and a link.
    if (upstream_.has_taker(held.app_server, any)) return now + kLook;
    if (!has_waited) return held.since + policy_.hold;
    give_up(held, CloseReason::app_server_lost);
    return std::nullopt;
}

void HeldConnections::give_up(HeldConnection& held, CloseReason why) {
    upstream_.home().counters.drops(DropReason::app_server_lost).add(held.messages().size());
    if (held.session != nullptr) std::exchange(held.session, nullptr)->give_up(why);
}

void HeldConnections::reopen(HeldConnection& held, PoolLane& lane) {
    Session* session = held.session;
    OpenRecord& record = session != nullptr ? session->record() : held.departed.record;
    const auto chan = upstream_.reopen(lane, session, held.departed, record, held.why);
    for (const HeldMessage& message : held.messages()) {
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
    for (const auto& [place, queue] : std::exchange(queues_, {})) {
        for (const auto& [since, held] : queue) give_up(*held, CloseReason::draining);
    }
}

}  // namespace trunkline::proxy
