#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/settings.hpp"
#include "proxy/app/admin.hpp"
#include "proxy/app/proxy_status.hpp"
#include "proxy/app/worker.hpp"

namespace trunkline::proxy {

/// The whole proxy: builds its parts in order, runs them until it is told to stop, and takes them down in the reverse
/// order. It alone knows all of them.
class Application {
  public:
    /// Opens every socket; throws std::runtime_error, whose text names what failed.
    explicit Application(config::Settings settings);
    ~Application();

    /// Serves until SIGTERM or SIGINT, then drains. Blocks. Ends the process with exit code 0 itself if a name is still
    /// being looked up then.
    void run();

  private:
    const config::Settings settings_;
    const UpgradeRules rules_;
    const std::vector<std::shared_ptr<const StaticFiles>> files_;  // by route
    ConnectionLimits admission_;
    std::vector<std::unique_ptr<WorkerCounters>> counters_;
    std::unique_ptr<ProxyStatus> status_;
    std::unique_ptr<Admin> admin_;
    std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace trunkline::proxy
