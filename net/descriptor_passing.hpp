#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "net/unique_fd.hpp"
#include "trunkline/protocol/bytes.hpp"

namespace trunkline::net {

/// One byte over a Unix stream socket, and descriptors that travel with it.
struct PassedDescriptors {
    char byte = 0;
    std::vector<UniqueFd> descriptors;  ///< close-on-exec
};

/// What the kernel takes with one byte.
inline constexpr std::size_t kMaxPassedDescriptors = 253;

/// Sends `byte` and copies of `descriptors`, at most kMaxPassedDescriptors; all or nothing. Any error of sendmsg(2).
protocol::Result<void> send_descriptors(int socket, char byte, std::span<const int> descriptors = {});

/// Takes one byte. `connection_aborted` at the end of the stream, `operation_would_block`, or what recvmsg(2) says.
protocol::Result<PassedDescriptors> receive_descriptors(int socket);

}  // namespace trunkline::net
