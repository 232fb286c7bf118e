#include "proxy/metrics/counters.hpp"

#include <algorithm>
#include <utility>

namespace trunkline::proxy {

void LagHistogram::record(std::chrono::nanoseconds lag) noexcept {
    lag = std::max(lag, std::chrono::nanoseconds::zero());
    const double seconds = std::chrono::duration<double>(lag).count();
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
    counts_[static_cast<std::size_t>(bound - kBounds.begin())].add();
    sum_nanoseconds_.add(static_cast<std::uint64_t>(lag.count()));
}

WorkerCounters::WorkerCounters(std::vector<std::string> upstream_names)
    : upstream_names_(std::move(upstream_names)),
      upstreams_(upstream_names_.size()),
      // A worker that has only been built is alive: it gets its ten seconds to turn for the first time.
      turned_at_(std::chrono::steady_clock::now().time_since_epoch().count()) {}

}  // namespace trunkline::proxy
