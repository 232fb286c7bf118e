#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "appserver-sdk/src/core/callbacks.hpp"
#include "net/loop.hpp"

namespace trunkline {

/// What is to run on the loop later: callbacks never run inside one another, so whatever a call of the app causes is
/// deferred until that callback has returned. On the loop.
class Tasks {
  public:
    Tasks(net::Loop& loop, Callbacks& callbacks);
    ~Tasks();

    /// Runs `task` when the running handler has returned, in the order of the calls.
    void defer(std::function<void()> task);
    /// Runs `task` at that time.
    void run_at(net::Clock::time_point when, std::function<void()> task);

    /// The loop runs no more: runs what is deferred now, and drops all that is left.
    void finish();

  private:
    class DelayedTask;

    void run_deferred();

    net::Loop& loop_;
    Callbacks& callbacks_;
    std::vector<std::function<void()>> deferred_;
    bool is_posted_ = false;
    std::unordered_map<DelayedTask*, std::unique_ptr<DelayedTask>> delayed_;
};

}  // namespace trunkline
