#pragma once

#include <vector>

#include "net/listen_socket.hpp"

namespace trunkline::proxy {

using ListenSockets = std::vector<net::ListenSocket>;

/// Takes those out of `sockets` that listen on `address`, which is numeric; none on port 0, which is any.
ListenSockets take_out(ListenSockets& sockets, const net::Endpoint& address);

/// Listens on `address` alone. Throws std::runtime_error, whose text names it.
net::ListenSocket open_or_throw(const net::Endpoint& address);

/// What the workers of a proxy listen on.
struct SharedOut {
    std::vector<ListenSockets> workers;    ///< each has at least one socket for each address
    std::vector<net::Endpoint> addresses;  ///< as asked for, with the ports that were given where that was 0
    std::vector<int> descriptors;          ///< one of each socket, whatever number of workers have it
};

/// Gives each of `workers` its sockets for all of `addresses`: those of `inherited` that listen there, every one of
/// them, because in each may be clients that nobody else sees; and what is missing is opened. Workers have sockets of
/// their own, among which the kernel spreads what arrives, unless one was inherited that does not share its port: that
/// one is for all. Throws std::runtime_error, whose text names the address.
SharedOut share_out(const std::vector<net::Endpoint>& addresses, ListenSockets& inherited, unsigned workers);

}  // namespace trunkline::proxy
