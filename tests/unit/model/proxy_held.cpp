// What a proxy holds of a lost or drained app server's connections, until another one takes them.
#include "tests/unit/model/proxy.hpp"

#include <charconv>
#include <utility>

#include "trunkline/protocol/service/decode.hpp"

namespace trunkline::model {

using protocol::Bytes;

void Proxy::hold(const Pool& pool, Client& client, const std::string& app_server) {
    auto held = std::make_unique<Held>();
    held->client = &client;
    held->app_server = app_server;
    held->pool = &pool;
    held->since = world.now;
    held_.push_back(std::move(held));
}

/// What this app server had not handled goes on with the connections it concerns.
void Proxy::hand_on(Pool& pool) {
    std::map<const Client*, Held*> of;
    for (const auto& held : held_) {
        if (held->pool == &pool) of.emplace(held->client, held.get());
    }
    std::map<Held*, std::deque<HeldMessage>> messages;
    for (const auto& slot : pool.lanes) {
        slot->lane.for_each_held([&](Bytes body, bool was_written) {
            const auto data = protocol::decode_only<protocol::Data>(body);
            if (!data) return;
            const auto bound = pool.chans.find(static_cast<std::uint64_t>(data.value().chan));
            const auto held = bound == pool.chans.end() ? of.end() : of.find(bound->second.client);
            if (held == of.end()) return;
            std::uint64_t number = 0;
            const Bytes text = data.value().payload;
            std::from_chars(text.data(), text.data() + text.size(), number);
            if (data.value().redelivered && was_written) held->second->is_killer = true;
            const bool is_redelivered = (was_written || data.value().redelivered) && world.rules.flags;
            messages[held->second].push_back({number, is_redelivered});
        });
    }
    for (auto& [held, list] : messages) held->messages.insert(held->messages.begin(), list.begin(), list.end());
    for (const auto& [client, held] : of) held->pool = nullptr;
    place();
}

void Proxy::place() {
    auto all = std::exchange(held_, {});
    for (auto& held : all) {
        if (held->pool != nullptr || !settle(*held)) held_.push_back(std::move(held));
    }
}

/// Whether this one is held no longer.
bool Proxy::settle(Held& held) {
    Client& client = *held.client;
    if (client.has_left && held.messages.empty()) return true;
    const auto close = [&](const char* why) {
        client.closed = why;
        return true;
    };
    if (held.is_killer && world.rules.closes_killers) return close("1011");
    const bool has_waited = world.now - held.since >= seconds(world.setting.hold);
    const bool any = held.app_server.empty() || (has_waited && world.setting.reassigns);
    std::vector<Pool*> candidates;
    for (const auto& [address, pool] : current_) {
        if (pool == nullptr || !takes(*pool, client)) continue;
        if (address == held.app_server) {
            candidates.assign(1, pool);
            break;
        }
        if (any) candidates.push_back(pool);
    }
    if (candidates.empty()) return has_waited && close("no app server");
    Pool& pool = *candidates[world.random.below(candidates.size())];
    const auto why = held.app_server.empty() ? protocol::OpenReason::migrated : protocol::OpenReason::resumed;
    const auto chan = open(pool, client, why);
    for (const auto& message : held.messages) send_data(home(pool, client), chan, message);
    if (client.has_left) send_close(pool, chan, pool.chans.at(chan));
    return true;
}

}  // namespace trunkline::model
