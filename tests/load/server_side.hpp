#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/load/options.hpp"

namespace trunkline::load {

/// What the processes of the server side have used, all together.
struct Usage {
    double cpu_seconds = 0;
    std::uint64_t resident_bytes = 0;
};

/// Looks at the server side: the processes that --pid names, by /proc, else what --metrics says of one.
class ServerSide {
  public:
    explicit ServerSide(const Options& options) : options_(options) {}

    /// Nothing if neither was given, or if nobody answers any more.
    std::optional<Usage> sample() const;

  private:
    const Options& options_;
};

/// The value of a metric without labels in Prometheus' text form, or nothing.
std::optional<double> metric_value(const std::string& page, const std::string& name);

}  // namespace trunkline::load
