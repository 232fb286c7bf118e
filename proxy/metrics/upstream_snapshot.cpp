#include "proxy/metrics/upstream_snapshot.hpp"

#include <utility>

namespace trunkline::proxy {

std::string_view to_string(AppServerState state) noexcept {
    switch (state) {
        case AppServerState::pending: return "pending";
        case AppServerState::linked: return "linked";
        case AppServerState::lost: return "lost";
        case AppServerState::failed: return "failed";
    }
    return "?";
}

std::string several_app_servers_at(std::string_view address) {
    return "several app servers answer at " + std::string(address) + "; each needs an address of its own";
}

void UpstreamBoard::publish(std::size_t upstream, UpstreamSnapshot snapshot) {
    const std::lock_guard lock(mutex_);
    if (upstreams_.size() <= upstream) upstreams_.resize(upstream + 1);
    // Swapped, so that the old one is freed outside the lock.
    std::swap(upstreams_[upstream], snapshot);
}

std::vector<UpstreamSnapshot> UpstreamBoard::read() const {
    const std::lock_guard lock(mutex_);
    return upstreams_;
}

}  // namespace trunkline::proxy
