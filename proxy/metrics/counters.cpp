#include "proxy/metrics/counters.hpp"

#include <algorithm>

namespace trunkline::proxy {

void LagHistogram::record(std::chrono::nanoseconds lag) noexcept {
    lag = std::max(lag, std::chrono::nanoseconds::zero());
    const double seconds = std::chrono::duration<double>(lag).count();
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
    counts_[static_cast<std::size_t>(bound - kBounds.begin())].add();
    sum_nanoseconds_.add(static_cast<std::uint64_t>(lag.count()));
}

WorkerCounters::WorkerCounters(const std::vector<std::string>& upstream_names)
    // A worker that has only been built is alive: it gets its ten seconds to turn for the first time.
    : turned_at_(std::chrono::steady_clock::now().time_since_epoch().count()) {
    for (const auto& name : upstream_names) upstream(name);
}

UpstreamCounters& WorkerCounters::upstream(std::string_view name) {
    const std::lock_guard lock(mutex_);
    for (auto& upstream : upstreams_) {
        if (upstream.name == name) return upstream.counters;
    }
    auto& added = upstreams_.emplace_back();
    added.name = name;
    return added.counters;
}

}  // namespace trunkline::proxy
