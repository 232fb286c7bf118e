#include "appserver-sdk/src/core/proxies.hpp"

#include <algorithm>
#include <utility>

namespace trunkline {

std::vector<Pool*> Proxies::pools() const {
    std::vector<Pool*> pools;
    for (const auto& peer : peers_) {
        for (const auto& pool : peer->pools()) {
            if (pool) pools.push_back(pool.get());
        }
    }
    return pools;
}

Pool* Proxies::find(const protocol::PoolId& id) const {
    for (Pool* pool : pools()) {
        if (pool->id() == id) return pool;
    }
    return nullptr;
}

ProxyPeer* Proxies::find(const protocol::Hello& hello) const {
    for (const auto& peer : peers_) {
        if (peer->epoch() == hello.epoch && *peer->id() == hello.name) return peer.get();
    }
    return nullptr;
}

ProxyPeer& Proxies::add(const protocol::Hello& hello) {
    return *peers_.emplace_back(std::make_unique<ProxyPeer>(hello));
}

Pool& Proxies::add(ProxyPeer& peer, std::unique_ptr<Pool> pool) {
    auto& place = peer.pools()[pool->worker()];
    place = std::move(pool);
    return *place;
}

std::optional<ProxyInfo> Proxies::remove(Pool& pool) {
    ProxyPeer& peer = pool.peer();
    ended_pools_.push_back({pool.id(), loop_.now() + 2 * peer.resume_window()});
    std::unique_ptr<Pool> owned = std::move(peer.pools()[pool.worker()]);
    std::optional<ProxyInfo> lost;
    if (!peer.has_pools()) {
        if (peer.was_up) lost = peer.info();
        std::erase_if(peers_, [&](const auto& held) { return held.get() == &peer; });
    }
    loop_.bury(std::move(owned));
    return lost;
}

bool Proxies::has_ended(const protocol::PoolId& id) {
    const auto now = loop_.now();
    std::erase_if(ended_pools_, [&](const auto& ended) { return ended.until <= now; });
    return std::any_of(ended_pools_.begin(), ended_pools_.end(), [&](const auto& ended) { return ended.id == id; });
}

void Proxies::publish() {
    std::vector<ProxyInfo> infos;
    infos.reserve(peers_.size());
    for (const auto& peer : peers_) infos.push_back(peer->info());
    outgoing_.set_proxies(std::move(infos));
}

}  // namespace trunkline
