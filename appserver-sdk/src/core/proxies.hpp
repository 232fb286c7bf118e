#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "appserver-sdk/src/core/outgoing.hpp"
#include "appserver-sdk/src/proxy_peer.hpp"
#include "net/loop.hpp"

namespace trunkline {

/// The proxies that are linked, and through them all pools; and, for a while, the ids of the pools that have ended. On
/// the loop.
class Proxies {
  public:
    Proxies(net::Loop& loop, Outgoing& outgoing) : loop_(loop), outgoing_(outgoing) {}

    std::vector<std::unique_ptr<ProxyPeer>>& peers() noexcept { return peers_; }
    /// All pools that have not ended.
    std::vector<Pool*> pools() const;
    /// Null if there is no such pool.
    Pool* find(const protocol::PoolId& id) const;
    /// The proxy that says so of itself; null if it is not linked.
    ProxyPeer* find(const protocol::Hello& hello) const;

    /// Takes the place of its worker, which is empty.
    Pool& add(ProxyPeer& peer, std::unique_ptr<Pool> pool);
    ProxyPeer& add(const protocol::Hello& hello);
    /// Frees the pool at the end of the turn, and its proxy with the last pool. What there is to tell of that proxy if
    /// it was up.
    std::optional<ProxyInfo> remove(Pool& pool);

    /// Whether a pool of that id ended so short ago that its proxy may still try to resume it.
    bool has_ended(const protocol::PoolId& id);

    /// Lets other threads see who is linked now.
    void publish();

  private:
    struct EndedPool {
        protocol::PoolId id;
        net::Clock::time_point until;
    };

    net::Loop& loop_;
    Outgoing& outgoing_;
    std::vector<std::unique_ptr<ProxyPeer>> peers_;
    std::vector<EndedPool> ended_pools_;
};

}  // namespace trunkline
