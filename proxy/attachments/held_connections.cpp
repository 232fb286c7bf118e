#include "proxy/attachments/held_connections.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "proxy/attachments/attachment.hpp"
#include "proxy/attachments/upstream_connections.hpp"
#include "proxy/log/logging.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::proxy {

using protocol::Bytes;

namespace {

constexpr std::chrono::milliseconds kLook{20};

/// Sorts the unhandled messages of a pool by the held connection that they belong to.
struct Unhandled {
    const std::unordered_map<std::uint64_t, std::unique_ptr<HeldConnection>>& by_chan;
    std::unordered_map<HeldConnection*, std::vector<HeldMessage>>& messages;
    std::size_t of_nobody = 0;
    Written written = Written::no;

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
        const bool was_written = written == Written::yes;
        if (data.redelivered && was_written) held->was_lost_twice = true;
        messages[held].push_back({data.kind, was_written || data.redelivered, std::string(data.payload)});
    }
    template <class Other>
    void on(const Other&) {}
};

}  // namespace

HeldConnections::~HeldConnections() = default;

// --- Who waits ---

HeldConnection& HeldConnections::take(Attachment& attachment, protocol::Chan chan, const LostPool& pool) {
    return wait_for_pool(std::make_unique<HeldConnection>(connections_.worker_counters, attachment, pool.name()), chan,
                         pool);
}

void HeldConnections::take(Departed&& departed, const LostPool& pool) {
    const auto chan = departed.chan;
    wait_for_pool(std::make_unique<HeldConnection>(connections_.worker_counters, std::move(departed), pool.name()),
                  chan, pool);
}

HeldConnection& HeldConnections::wait_for_pool(Held held, protocol::Chan chan, const LostPool& pool) {
    held->since = connections_.loop.now();
    return *by_chan_[&pool].emplace(static_cast<std::uint64_t>(chan), std::move(held)).first->second;
}

HeldConnection& HeldConnections::move(Attachment& attachment) {
    auto held = std::make_unique<HeldConnection>(connections_.worker_counters, attachment, std::string());
    HeldConnection& moving = *held;
    moving.why = protocol::OpenReason::migrated;
    moving.since = connections_.loop.now();
    wait_for_port(std::move(held));
    connections_.loop.schedule(time_, connections_.loop.now());
    return moving;
}

HeldConnections::Place HeldConnections::place_of(const HeldConnection& held) {
    return {held.app_server, held.attachment != nullptr ? held.attachment->key() : held.departed.key};
}

void HeldConnections::wait_for_port(Held held) {
    const auto since = held->since;
    queues_[place_of(*held)].emplace(since, std::move(held));
}

void HeldConnections::leave(HeldConnection& held, Departed&& departed) {
    held.attachment = nullptr;
    held.departed = std::move(departed);
    if (!held.messages().empty()) return;
    // Nothing is left to do for it, unless its pool may still be there: then nobody knows yet.
    const auto queue = queues_.find(place_of(held));
    if (queue == queues_.end()) return;
    const auto [begin, end] = queue->second.equal_range(held.since);
    const auto found = std::find_if(begin, end, [&](const auto& entry) { return entry.second.get() == &held; });
    if (found != end) queue->second.erase(found);
}

std::size_t HeldConnections::on_pool_gone(const LostPool& pool) {
    std::unordered_map<HeldConnection*, std::vector<HeldMessage>> messages;
    Chans by_chan;
    by_chan.swap(by_chan_[&pool]);
    by_chan_.erase(&pool);
    Unhandled sink{by_chan, messages};
    pool.for_each_unhandled([&](Bytes body, Written written) {
        sink.written = written;
        static_cast<void>(protocol::decode(body, sink));  // our own encoding
    });
    for (auto& [held, list] : messages) held->put_first(std::move(list));
    for (auto& [chan, held] : by_chan) {
        if (held->was_lost_twice) {
            log_warn("connection closed: its message was handed on once, and its app server was lost with it again",
                     {{"upstream", connections_.name}});
            give_up(*held, CloseReason::redelivered_twice);
        } else if (held->attachment != nullptr || !held->messages().empty()) {
            wait_for_port(std::move(held));
        }
    }
    place();
    return sink.of_nobody;
}

// --- Where to ---

void HeldConnections::on_time(net::Clock::time_point) { place(); }

void HeldConnections::place() {
    const auto now = connections_.loop.now();
    auto next = net::Clock::time_point::max();
    for (auto at = queues_.begin(); at != queues_.end();) {
        Queue& queue = at->second;
        while (!queue.empty()) {
            if (const auto again = settle(*queue.begin()->second, now)) {
                next = std::min(next, *again);
                break;  // those behind it wait for the same port, and not as long
            }
            queue.erase(queue.begin());
        }
        at = queue.empty() ? queues_.erase(at) : std::next(at);
    }
    if (next != net::Clock::time_point::max()) connections_.loop.schedule(time_, next);
}

/// Opens this one, or gives it up. Else: when to look again, unless an app server comes up before.
std::optional<net::Clock::time_point> HeldConnections::settle(HeldConnection& held, net::Clock::time_point now) {
    const bool has_waited = now - held.since >= policy_.hold;
    const bool may_be_any = held.app_server.empty() || (has_waited && policy_.then == config::ThenLost::reassign);
    const auto which = may_be_any ? AppServers::Which::any : AppServers::Which::of_that_name;
    if (AppPort* port = app_servers_.port_for(place_of(held).second, held.app_server, which)) {
        reopen(held, *port);
        return std::nullopt;
    }
    // One that is there takes it as soon as its port has room and a link.
    if (app_servers_.has_any(held.app_server, which)) return now + kLook;
    if (!has_waited) return held.since + policy_.hold;
    give_up(held, CloseReason::app_server_lost);
    return std::nullopt;
}

void HeldConnections::give_up(HeldConnection& held, CloseReason why) {
    connections_.worker_counters.drops(DropReason::app_server_lost).add(held.messages().size());
    if (held.attachment != nullptr) std::exchange(held.attachment, nullptr)->give_up(why);
}

void HeldConnections::reopen(HeldConnection& held, AppPort& port) {
    Attachment* const attachment = held.attachment;
    OpenRecord& record = attachment != nullptr ? attachment->record() : held.departed.record;
    auto open = record.open();
    std::vector<Bytes> groups;
    if (attachment != nullptr) {
        const Directory& directory = connections_.directory;
        directory.for_each_group_of(*attachment, [&](Bytes group) { groups.push_back(group); });
        open.user = directory.user_of(*attachment);
    } else {
        groups.assign(held.departed.groups.begin(), held.departed.groups.end());
        open.user = held.departed.user;
    }
    open.groups = groups;
    open.why = held.why;
    open.attachment = record.next_attachment();
    open.ask = false;
    protocol::Buffer frame;
    const auto chan = port.open(attachment, open, frame);

    WorkerCounters& counters = connections_.worker_counters;
    for (const HeldMessage& message : held.messages()) {
        if (message.payload.size() > port.max_payload()) {  // than what the app server before took
            counters.drops(DropReason::too_large).add();
        } else if (message.redelivered) {
            port.redeliver(chan, message.kind, message.payload);
            counters.redelivered.add();
        } else {
            port.data(chan, message.kind, message.payload);
        }
    }
    if (attachment != nullptr) return attachment->on_placed(port, chan);
    port.close(chan, {held.departed.code, held.departed.by, {}});
    held.departed.chan = chan;
    port.keep(std::move(held.departed));
}

void HeldConnections::stop() {
    time_.cancel();
    for (const auto& [place, queue] : std::exchange(queues_, {})) {
        for (const auto& [since, held] : queue) give_up(*held, CloseReason::draining);
    }
}

}  // namespace trunkline::proxy
