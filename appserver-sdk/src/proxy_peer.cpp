#include "appserver-sdk/src/proxy_peer.hpp"

#include <algorithm>

namespace trunkline {

bool ProxyPeer::has_pools() const noexcept {
    return std::any_of(pools_.begin(), pools_.end(), [](const auto& pool) { return pool != nullptr; });
}

bool ProxyPeer::are_all_up() const noexcept {
    return std::all_of(pools_.begin(), pools_.end(), [](const auto& pool) { return pool && pool->is_up(); });
}

ProxyInfo ProxyPeer::info() const {
    std::size_t lanes = 0;
    for (const auto& pool : pools_) {
        if (pool) lanes += pool->attached();
    }
    return {*id_, static_cast<std::uint64_t>(epoch_), software_, pools_.size(), lanes, are_all_up()};
}

std::string describe(const ProxyPeer& peer) {
    char epoch[17];
    std::snprintf(epoch, sizeof epoch, "%016llx", static_cast<unsigned long long>(peer.epoch()));
    return "proxy " + *peer.id() + " (epoch " + epoch + ")";
}

}  // namespace trunkline
