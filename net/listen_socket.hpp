#pragma once

#include <sys/types.h>

#include <cstdint>

#include "net/endpoint.hpp"
#include "net/unique_fd.hpp"
#include "trunkline/protocol/bytes.hpp"

namespace trunkline::net {

/// Whether several sockets may listen on one TCP address, among which the kernel spreads what arrives: one per worker.
enum class PortSharing : std::uint8_t { exclusive, shared };

/// A socket that listens on a numeric TCP address or a Unix path: non-blocking and close-on-exec. It only owns; who
/// accepts waits for readability of `fd()` and calls `accept` until it would block. No thread of its own.
class ListenSocket {
  public:
    /// `invalid_argument` for a name, `address_in_use`, or what the kernel says. Port 0 takes a free one, see `local`.
    /// An IPv6 address does not take IPv4 clients. A Unix socket is created 0660; what a dead process left behind at
    /// its path is removed, anything else there (a living listener, a file that is no socket) is `address_in_use`.
    static protocol::Result<ListenSocket> open(const Endpoint& endpoint, PortSharing sharing = PortSharing::exclusive);

    /// Takes over a socket that another process has opened, with the clients that wait in it, and makes it non-blocking
    /// and close-on-exec. It leaves its Unix path alone. `invalid_argument` if it does not listen on TCP or a path.
    static protocol::Result<ListenSocket> adopt(UniqueFd fd);

    /// A second descriptor of the same socket: who waits is accepted through either. It leaves its Unix path alone.
    protocol::Result<ListenSocket> duplicate() const;

    ListenSocket(ListenSocket&& other) noexcept = default;
    ListenSocket& operator=(ListenSocket&& other) noexcept;
    /// See `close`.
    ~ListenSocket() { close(); }

    int fd() const noexcept { return fd_.get(); }
    /// Where it listens, with the port that it was given.
    const Endpoint& local() const noexcept { return local_; }
    /// Whether it was opened so that others may listen on its address.
    PortSharing sharing() const noexcept;

    /// Stops listening. A Unix path is removed if it still is the socket that was created here, not if somebody has
    /// put another in its place.
    void close() noexcept;

    /// Gives the descriptor to the caller, who closes it. A Unix path is left alone.
    [[nodiscard]] int release() noexcept { return fd_.release(); }

  private:
    ListenSocket(UniqueFd fd, Endpoint local) : fd_(std::move(fd)), local_(std::move(local)) {}

    UniqueFd fd_;
    Endpoint local_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

/// A client or link that has arrived.
struct Accepted {
    UniqueFd fd;    ///< non-blocking, close-on-exec, TCP_NODELAY where that exists
    Endpoint peer;  ///< numeric; an empty path for a Unix socket
};

/// Takes one connection from a listening socket. `would_block` (as `errc::operation_would_block`) when there is none;
/// a connection that died while it waited is skipped; `too_many_files_open` and the like leave it waiting.
protocol::Result<Accepted> accept(int listening_fd);

}  // namespace trunkline::net
