#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "proxy/metrics/counters.hpp"

namespace trunkline::proxy {

/// The counters of all workers as Prometheus reads them. Sums over the workers, but for the loop's lag, which is a
/// worker's own. Every series exists from the start, so that a first event shows as a rise; labels hold words from our
/// tables, names from the configuration and addresses of app servers, never anything of a client's.
class Exposition final : public prometheus::Collectable {
  public:
    /// The counters outlive the Exposition. `dropped_log_lines` adds a reason to the drops.
    explicit Exposition(
        std::vector<const WorkerCounters*> workers, std::function<std::uint64_t()> dropped_log_lines = [] { return 0; },
        std::function<bool()> is_draining = [] { return false; });

    /// Any thread.
    std::vector<prometheus::MetricFamily> Collect() const override;

    /// The same in the text format 0.0.4, as `/metrics` serves it.
    std::string text() const;

  private:
    const std::vector<const WorkerCounters*> workers_;
    const std::function<std::uint64_t()> dropped_log_lines_;
    const std::function<bool()> is_draining_;
};

/// The Content-Type of `text()`.
inline constexpr char kExpositionContentType[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace trunkline::proxy
