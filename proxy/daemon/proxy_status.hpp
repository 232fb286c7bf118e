#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/daemon/admin_source.hpp"
#include "proxy/daemon/readiness.hpp"
#include "proxy/metrics/counters.hpp"
#include "proxy/metrics/exposition.hpp"

namespace trunkline::proxy {

/// The admin's source in the daemon: reads what the workers leave in their counters and waits for none, so that a
/// worker that hangs can still be reported.
class ProxyStatus final : public AdminSource {
  public:
    using Clock = std::chrono::steady_clock;

    /// A worker that has not turned for so long is dead.
    static constexpr std::chrono::seconds kMaxTurn{10};

    /// At least one worker; their counters outlive this.
    explicit ProxyStatus(std::vector<const WorkerCounters*> workers,
                         std::function<Clock::time_point()> now = Clock::now);

    /// Not ready from now on. Any thread.
    void set_draining() noexcept { is_draining_.store(true, std::memory_order_relaxed); }

    /// Connections that are open and were not asked to come back yet. Any thread.
    std::int64_t connections() const;

    /// Who resizes the pools of an upstream; false if there is none of that name. Before the admin listens.
    using Resize = std::function<bool(std::string_view upstream, unsigned pool_size)>;
    void set_resize(Resize resize) { resize_ = std::move(resize); }

    Answer health() override;
    Answer readiness() override;
    std::string metrics() override;
    bool resize(std::string_view upstream, unsigned pool_size) override {
        return resize_ && resize_(upstream, pool_size);
    }

  private:
    const std::vector<const WorkerCounters*> workers_;
    const std::function<Clock::time_point()> now_;
    const Exposition exposition_;
    Resize resize_;
    Readiness readiness_;                   // changed on the admin's thread
    std::atomic<bool> is_draining_{false};  // shared
};

}  // namespace trunkline::proxy
