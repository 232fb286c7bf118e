#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "net/asio.hpp"
#include "proxy/daemon/proxy_status.hpp"
#include "proxy/daemon/worker.hpp"
#include "proxy/http/generation.hpp"

namespace trunkline::proxy {

/// How a proxy ends, on main's thread: it is not ready from the first moment on, and serves as ever for
/// `pre_stop_delay`, in which balancers turn away from it; then its workers take no more clients and ask theirs to come
/// back. How many are still here is logged each second.
class Drain {
  public:
    /// All of them outlive it; the workers are started before it begins. `on_drained` is called on the context.
    Drain(net::asio::io_context& context, std::shared_ptr<const Generation> generation, ProxyStatus& status,
          const std::vector<std::unique_ptr<Worker>>& workers, std::function<void()> on_drained);

    /// SIGTERM. A drain that is under way goes on.
    void begin();
    /// Another process serves now, and has our listening sockets: clients leave at once, and nobody who waits is taken.
    void begin_handed_over();

  private:
    void drain_workers(Listener::Waiting waiting);
    void report();

    net::asio::io_context& context_;
    const std::shared_ptr<const Generation> generation_;
    ProxyStatus& status_;
    const std::vector<std::unique_ptr<Worker>>& workers_;
    const std::function<void()> on_drained_;
    net::Timer timer_;
    bool has_begun_ = false;
    bool is_handed_over_ = false;  // the service manager looks at another process now
    std::size_t draining_ = 0;     // workers
    net::Clock::time_point ends_{};
};

}  // namespace trunkline::proxy
