#pragma once

#include <iosfwd>
#include <string>

#include "tests/load/options.hpp"
#include "tests/load/run.hpp"

namespace trunkline::load {

/// The table that ends a run.
std::string summary(const Options& options, const Report& report);
/// The same for programs: times in microseconds, and each second.
std::string to_json(const Options& options, const Report& report);
/// The same with each bucket of the latencies.
std::string to_json_with_histogram(const Options& options, const Report& report);
/// A line for each second.
std::string to_csv(const Report& report);
/// One page that needs nothing else: tables and charts.
std::string to_html(const Options& options, const Report& report);

}  // namespace trunkline::load
