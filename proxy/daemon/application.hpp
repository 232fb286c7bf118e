#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "config/settings.hpp"
#include "net/asio.hpp"
#include "proxy/daemon/admin.hpp"
#include "proxy/daemon/drain.hpp"
#include "proxy/daemon/proxy_status.hpp"
#include "proxy/daemon/takeover.hpp"
#include "proxy/daemon/worker.hpp"
#include "proxy/http/generation.hpp"

namespace trunkline::proxy {

/// Where a proxy gets its listening sockets from.
enum class Start {
    fresh,      ///< it opens them
    take_over,  ///< from the process that serves, once this one is ready to; if there is none it opens them
};

/// The whole proxy: builds its parts in order, runs them until it is told to stop, and takes them down in the reverse
/// order. It alone knows all of them.
class Application {
  public:
    /// Opens every socket, if it is to open any; throws std::runtime_error, whose text names what failed.
    Application(config::Settings settings, Start start);
    ~Application();

    /// Serves until SIGTERM or SIGINT, or until another process has taken over; then drains. Blocks. Ends the process
    /// itself, with exit code 0 if a name is still being looked up then, with 1 if it could not take over.
    void run();

  private:
    void find_the_old(const std::string& path);
    void take_over_when_ready();
    void listen_fresh();
    ListenSockets listen(ListenSockets inherited);
    void stop(int signal);
    void feed_watchdog(std::chrono::microseconds interval);
    bool resize(std::string_view upstream, unsigned pool_size);

    const std::shared_ptr<const Generation> generation_;
    const config::Settings& settings_;  // its settings
    ConnectionLimits admission_;
    VerbBus verbs_;
    std::vector<std::unique_ptr<WorkerCounters>> counters_;
    std::unique_ptr<ProxyStatus> status_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::unique_ptr<Admin> admin_;  // it knows the workers
    net::asio::io_context main_;    // of the thread that runs us
    std::optional<Drain> drain_;
    std::optional<TakeOver> old_;  // the process that we take over from
    net::Timer until_ready_;
    net::Timer until_watchdog_;
    std::unique_ptr<HandOver> hand_over_;  // to the one that takes over from us
};

}  // namespace trunkline::proxy
