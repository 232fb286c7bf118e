#pragma once

#include "net/byte_stream.hpp"
#include "proxy/http/connection_limits.hpp"
#include "proxy/http/upgrade.hpp"
#include "proxy/http/worker_routes.hpp"

#include <string>

namespace trunkline::proxy {

/// A client whose upgrade keeps every rule and that waits for its 101. Nothing had been sent behind its request head.
struct Upgraded {
    net::ByteStream stream;  ///< watched by nobody, and drained: an event of the poller tells of all that comes
    UpgradeRequest request;
    RoutePtr route;
    std::string peer_address;  ///< `address:port`, an IPv6 address in brackets
    ConnectionTicket ticket;   ///< to be kept as long as the socket
};

/// Who makes connections of upgraded clients. It answers each: with the bytes of `switching_protocols`, or by giving
/// stream and ticket to `HttpSessions::refuse`.
class UpgradeSink {
  public:
    virtual ~UpgradeSink() = default;
    /// On the worker's loop. Must not throw.
    virtual void on_upgrade(Upgraded client) = 0;
};

}  // namespace trunkline::proxy
