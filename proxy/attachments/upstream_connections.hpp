#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "proxy/attachments/held_connections.hpp"
#include "proxy/directory/directory.hpp"
#include "proxy/metrics/counters.hpp"

namespace trunkline::proxy {

/// The connections that one worker has of one upstream: all that their attachments share. Owned by its Upstream, and
/// outlives them.
struct UpstreamConnections {
    UpstreamConnections(const config::UpstreamSettings& settings, net::Loop& its_loop, WorkerCounters& of_worker,
                        UpstreamCounters& of_upstream, const config::LinkSettings& links, AppServers& app_servers)
        : name(settings.name),
          loop(its_loop),
          worker_counters(of_worker),
          counters(of_upstream),
          link_settings(links),
          held(*this, app_servers, settings.when_lost) {}

    const std::string name;  ///< of the upstream
    net::Loop& loop;
    WorkerCounters& worker_counters;
    UpstreamCounters& counters;
    const config::LinkSettings& link_settings;
    Directory directory{};
    HeldConnections held;

    /// So many bytes of one client may wait at a port to be handled. At least what may be read at once.
    std::size_t share_bytes() const noexcept {
        return std::max<std::size_t>(link_settings.ring_bytes / 8, kMinReadBytes);
    }
    /// A client is never read in smaller pieces than this: a port may overshoot by so much for each client that was
    /// being read when it filled.
    static constexpr std::size_t kMinReadBytes = 16 << 10;
};

}  // namespace trunkline::proxy
