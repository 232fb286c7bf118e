#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "net/listen_socket.hpp"

namespace trunkline::proxy {

// What a service manager and a service say to each other, as sd_listen_fds(3) and sd_notify(3) describe it. Written out
// here because it is a few environment variables and a datagram, for which libsystemd would come with every image.

/// The sockets that were opened for this process, none where it was not started by socket activation. Once: the next
/// call finds none. Throws std::runtime_error if one of them does not listen.
std::vector<net::ListenSocket> sockets_from_systemd();

/// How often the service manager wants to hear `WATCHDOG=1`: twice in the time after which it takes the service for
/// stuck. Nothing where it does not watch. WATCHDOG_PID is not looked at: systemd sets both only for what ExecStart
/// starts, and a process that takes over gets WATCHDOG_USEC from ExecReload.
std::optional<std::chrono::microseconds> watchdog_interval();

/// Tells the service manager `state`, lines of `NAME=value`; silently nothing where there is none.
void notify_systemd(std::string_view state) noexcept;

}  // namespace trunkline::proxy
