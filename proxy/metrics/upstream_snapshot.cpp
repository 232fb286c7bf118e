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

void UpstreamBoard::publish(UpstreamSnapshot snapshot) {
    const std::lock_guard lock(mutex_);
    for (auto& upstream : upstreams_) {
        if (upstream.name != snapshot.name) continue;
        std::swap(upstream, snapshot);  // so that the old one is freed outside the lock
        return;
    }
    upstreams_.push_back(std::move(snapshot));
}

std::vector<UpstreamSnapshot> UpstreamBoard::read() const {
    const std::lock_guard lock(mutex_);
    return upstreams_;
}

}  // namespace trunkline::proxy
