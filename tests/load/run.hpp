#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/load/commands.hpp"
#include "tests/load/options.hpp"
#include "tests/load/result.hpp"
#include "tests/load/server_side.hpp"

namespace trunkline::load {

/// All that a report shows.
struct Report {
    Result result;
    std::vector<ServerSecond> server;
    std::vector<ProcessUse> processes;
    std::optional<double> cpu_us_per_message;  ///< of the server side, while it was measured
    std::optional<double> bytes_per_client;    ///< by which the server side has grown
    std::vector<CommandRun> commands;
    std::vector<std::string> complaints;  ///< what was wrong, in words; none: exit code 0
    std::vector<std::string> remarks;     ///< what a reader of the numbers has to know

    /// By the names of `--expect`.
    double measure(const std::string& name) const;
};

/// It could not run: nobody listens, too few descriptors, the wrong app server. Exit code 3.
struct CannotRun : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Runs it all; progress goes to stderr. Throws CannotRun.
Report run(const Options& options);

}  // namespace trunkline::load
