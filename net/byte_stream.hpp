#pragma once

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace trunkline::net {

/// What came of one read or write that never blocks.
struct IoResult {
    enum class Status : unsigned char {
        ok,           ///< `bytes` moved; at least one
        would_block,  ///< nothing now; the poller tells of `waits_for`
        end,          ///< read only: the peer sends no more
        failed,       ///< `error` says why; the stream is of no more use
    };
    enum class Wait : unsigned char { readable, writable };

    Status status = Status::ok;
    /// Would block: the event after which it is worth trying again. Not always one's own: TLS may have to write before
    /// it can read on, and to read before it can write on.
    Wait waits_for = Wait::readable;
    /// A read that is ok: nothing more is there now, and an event tells of more. If false there may be more of which no
    /// event tells, in the socket or in the stream's own layer: read on, now or in another turn.
    bool drained = false;
    std::size_t bytes = 0;
    boost::system::error_code error;
};

/// A connected, non-blocking stream socket that it owns: every established stream of ours, client or link, is one. It
/// holds no buffer and no pending operation. Its users look at an `IoResult` and never at how many bytes they asked
/// for, so that a layer such as TLS can stand between these functions and the socket.
class ByteStream {
  public:
    ByteStream() = default;
    /// Takes over `fd`, which must be a connected non-blocking stream socket.
    explicit ByteStream(int fd) noexcept : fd_(fd) {}
    ByteStream(ByteStream&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    ByteStream& operator=(ByteStream&& other) noexcept {
        if (this != &other) {
            close();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~ByteStream() { close(); }

    /// At most `into.size()` bytes.
    IoResult read_some(std::span<char> into) noexcept;
    /// Writes from `pieces` in order; at most kMaxPieces of them. May write a part.
    IoResult write_some(std::span<const std::string_view> pieces) noexcept;
    static constexpr std::size_t kMaxPieces = 32;

    /// Lets the kernel acknowledge what the next read takes with what is written next, as it does by itself while
    /// answers leave within 40 ms of what they answer. Beyond that, which is when a busy loop is behind, it sends an
    /// acknowledgement of its own for each small read, which costs more than the read (docs/benchmarks.md). Costs a
    /// system call; nothing on a socket that is not TCP.
    void defer_ack() noexcept;

    /// The peer is told that nothing more is sent; reading goes on.
    boost::system::error_code shutdown_send() noexcept;

    void close() noexcept;

    int descriptor() const noexcept { return fd_; }

  private:
    int fd_ = -1;
};

}  // namespace trunkline::net
