#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tests/load/ledger.hpp"
#include "tests/load/options.hpp"

namespace trunkline::load {

/// A connection to trunkline-load-app beside the clients', over which its ticks are begun and ended. Blocks, a few
/// seconds at most; the main thread's. The constructor throws std::runtime_error with a text for the user.
class AppControl {
  public:
    explicit AppControl(const Options& options);
    ~AppControl();

    void begin_ticks();
    /// Answers what came meanwhile, such as a proxy's pings: to be called every few seconds.
    void look();
    /// When each tick was sent; nothing if the app server does not say it, being gone.
    std::optional<SendLog> end_ticks();

  private:
    struct Connection;
    const Options& options_;
    std::unique_ptr<Connection> connection_;
};

}  // namespace trunkline::load
