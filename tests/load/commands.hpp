#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/load/options.hpp"

namespace trunkline::load {

/// A command of `--at`, as it went.
struct CommandRun {
    double at = 0;  ///< seconds after the messages began
    std::string command;
    std::string trouble;  ///< in words; empty = it ended with 0
};

/// Runs the commands of `--at` beside everything else, each in a process group of its own. The main thread's.
class Commands {
  public:
    explicit Commands(const Options& options) : options_(options) {}
    ~Commands() { finish(); }

    /// Begins those whose time has come, and sees which have ended.
    void look(std::int64_t since_begin_ns);
    /// Ends those that still run. What became of all of them, in the order of their times.
    const std::vector<CommandRun>& finish();

  private:
    struct Running {
        pid_t pid;
        std::size_t run;
    };
    /// Whether it has ended; waits for that with `options` 0.
    bool has_ended(const Running& running, int options);

    const Options& options_;
    std::vector<CommandRun> runs_;  // those begun
    std::vector<Running> running_;
};

}  // namespace trunkline::load
