#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "proxy/metrics/counters.hpp"

namespace trunkline::proxy {

/// The counters of all workers as Prometheus reads them. Sums over the workers, but for the loop's lag, which is a
/// worker's own. Every series exists from the start, so that a first event shows as a rise; labels hold words from our
/// tables, names from the configuration and addresses of app servers, never anything of a client's.
class Exposition {
  public:
    /// The counters outlive the Exposition. `dropped_log_lines` adds a reason to the drops.
    explicit Exposition(
        std::vector<const WorkerCounters*> workers, std::function<std::uint64_t()> dropped_log_lines = [] { return 0; },
        std::function<bool()> is_draining = [] { return false; });

    /// All of it in the text format 0.0.4, as `/metrics` serves it. Any thread.
    std::string text() const;

  private:
    const std::vector<const WorkerCounters*> workers_;
    const std::function<std::uint64_t()> dropped_log_lines_;
    const std::function<bool()> is_draining_;
};

/// The Content-Type of `text()`.
inline constexpr char kExpositionContentType[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace trunkline::proxy
