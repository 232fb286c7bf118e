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
        would_block,  ///< nothing now; the poller tells when
        end,          ///< read only: the peer sends no more
        failed,       ///< `error` says why; the stream is of no more use
    };
    Status status = Status::ok;
    std::size_t bytes = 0;
    boost::system::error_code error;
};

/// A connected, non-blocking stream socket that it owns: every established stream of ours, client or link, is one. It
/// holds no buffer and no pending operation; TLS, where it comes, is a session on the same descriptor behind these two
/// functions.
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

    /// At most `into.size()` bytes. Fewer than that means that the socket was drained: the next edge tells of more.
    IoResult read_some(std::span<char> into) noexcept;
    /// Writes from `pieces` in order; at most kMaxPieces of them. May write a part.
    IoResult write_some(std::span<const std::string_view> pieces) noexcept;
    static constexpr std::size_t kMaxPieces = 32;

    /// Lets the kernel acknowledge what the next read takes with what is written next, as it does by itself while
    /// answers leave within 40 ms of what they answer. Beyond that, which is when a busy loop is behind, it sends an
    /// acknowledgement of its own for each small read, which costs more than the read (docs/benchmarks.md). Costs a
    /// system call; nothing on a socket that is not TCP.
    void defer_ack() noexcept;

    void close() noexcept;

    int descriptor() const noexcept { return fd_; }

  private:
    int fd_ = -1;
};

}  // namespace trunkline::net
