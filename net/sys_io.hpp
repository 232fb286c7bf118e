#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>

/// The two system calls that carry every byte of an established socket. They stand alone in a file of their own so that
/// a test program can put its own in their place and fail the N-th one.
namespace trunkline::net::sys_io {

/// recv(2) without flags on a non-blocking socket; sets errno.
ssize_t receive(int fd, void* data, std::size_t size) noexcept;

/// sendmsg(2) with MSG_NOSIGNAL | MSG_DONTWAIT; sets errno.
ssize_t send(int fd, const iovec* pieces, std::size_t count) noexcept;

}  // namespace trunkline::net::sys_io
