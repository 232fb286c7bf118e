// The clients of a proxy: what they send, and on which chan it goes to an app server.
#include "tests/unit/model/proxy.hpp"

#include <string>

#include "trunkline/protocol/service/extension.hpp"

namespace trunkline::model {

namespace {

constexpr std::size_t kMostOnTheWay = 6;  // messages of one client that no app server has handled

}  // namespace

/// Its chan in the pool that it is open in, if there is one.
std::optional<std::uint64_t> Proxy::chan_of(const Client& client, Pool*& pool) {
    for (const auto& candidate : pools_) {
        if (candidate->state == Pool::State::ended) continue;
        for (const auto& [chan, bound] : candidate->chans) {
            if (bound.client != &client) continue;
            pool = candidate.get();
            return chan;
        }
    }
    return std::nullopt;
}

void Proxy::client_thinks(Client& client) {
    if (client.closed != nullptr || client.has_left) return;
    if (client.attachments == 0) {
        open_new(client);
    } else if (world.is_chatty && client.sent - world.ledger.handled(client.id) < kMostOnTheWay) {
        read_message(client);
    }
    after(seconds(world.random.exponential(world.setting.think)), [this, &client] { client_thinks(client); });
}

void Proxy::send_all() {
    now_or_awake([this] {
        for (Client& client : clients_) {
            if (client.closed == nullptr && !client.has_left) read_message(client);
        }
    });
}

/// Takes the next message of a client, if anybody has room for it.
void Proxy::read_message(Client& client) {
    for (const auto& held : held_) {
        if (held->client == &client) return held->messages.push_back({++client.sent, false});
    }
    Pool* pool = nullptr;
    const auto chan = chan_of(client, pool);
    if (!chan || pool->chans.at(*chan).is_moving) return;
    Slot& slot = home(*pool, client);
    if (slot.lane.has_room()) send_data(slot, *chan, {++client.sent, false});
}

void Proxy::client_leaves() {
    Client& client = clients_[world.random.below(clients_.size())];
    if (client.has_left || client.closed != nullptr) return;
    client.has_left = true;
    world.log("client", client.id, "leaves");
    if (client.attachments == 0) client.closed = "never opened";
    Pool* pool = nullptr;
    if (const auto chan = chan_of(client, pool)) send_close(*pool, *chan, pool->chans.at(*chan));
}

/// Close behind all that it has sent; Detach was the last already if it was moving.
void Proxy::send_close(Pool& pool, std::uint64_t chan, Bound& entry) {
    Slot& slot = home(pool, *entry.client);
    if (!entry.is_moving) slot.send(protocol::Close{protocol::Chan{chan}, 1000, {}, protocol::CloseBy::client});
    entry.close_end = slot.lane.appended();
}

void Proxy::send_data(Slot& slot, std::uint64_t chan, const HeldMessage& message) {
    const auto text = std::to_string(message.number);
    slot.send(protocol::Data{protocol::Chan{chan}, protocol::PayloadKind::text, text, message.is_redelivered});
}

std::uint64_t Proxy::open(Pool& pool, Client& client, protocol::OpenReason why) {
    const auto chan = ++pool.newest_chan;
    pool.chans.emplace(chan, Bound{&client});
    const auto id = std::to_string(client.id);
    protocol::Open open;
    open.chan = protocol::Chan{chan};
    open.attachment = ++client.attachments;
    open.why = why;
    open.key = client.key;
    open.connection_id = id;
    world.log("connection", client.id, "attachment", open.attachment, "at", pool.address, *pool.app_epoch);
    home(pool, client).send(open);
    return chan;
}

/// Whether this connection may be opened there now.
bool Proxy::takes(Pool& pool, const Client& client) {
    const auto& lane = home(pool, client).lane;
    return pool.state == Pool::State::up && !(pool.is_draining && world.rules.spares_draining) && lane.is_attached() &&
           lane.has_room();
}

void Proxy::open_new(Client& client) {
    std::vector<Pool*> ready;
    for (const auto& [address, pool] : current_) {
        if (pool != nullptr && takes(*pool, client)) ready.push_back(pool);
    }
    if (!ready.empty()) open(*ready[world.random.below(ready.size())], client, protocol::OpenReason::fresh);
}

}  // namespace trunkline::model
