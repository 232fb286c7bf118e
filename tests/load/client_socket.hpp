#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/endpoint.hpp"
#include "net/unique_fd.hpp"

namespace trunkline::load {

/// What becomes of a client's socket.
enum class SocketState : std::uint8_t {
    idle,        ///< not begun
    connecting,  ///< the kernel connects
    upgrading,   ///< the request is out
    open,
    closed,  ///< by either side, or never was open: `why()` says it
};

/// Why a socket is closed. A server's close code is kept apart.
enum class CloseWhy : std::uint8_t {
    not_closed,
    by_us,
    refused,         ///< another answer than 101
    cannot_connect,  ///< no TCP connection
    timeout,         ///< no answer to the upgrade in time
    by_server,       ///< a close frame
    reset,           ///< the stream ended without a close frame
    no_join,         ///< open, but the app server did not confirm what the profile needs
    bad_frame,       ///< bytes that are no WebSocket frame of a server (RFC 6455 §5.1: never masked)
};

/// What a socket hands to its owner.
class SocketOwner {
  public:
    virtual ~SocketOwner() = default;
    virtual void on_open() = 0;
    /// A whole message; the view lives during the call. The socket may be closed in it.
    virtual void on_message(std::string_view payload) = 0;
    virtual void on_closed() = 0;
};

/// One WebSocket client as far as bytes go (RFC 6455, client's side, no extensions): non-blocking, for an
/// edge-triggered epoll set. It keeps what the kernel does not take, and frames that are not whole; while it is idle it
/// holds no buffer.
class ClientSocket {
  public:
    /// Longer messages of a server close the client: nothing here asks for them.
    static constexpr std::size_t kMaxMessage = 16 << 20;

    /// Begins to connect from `from` to `to`; the owner puts `fd()` into its epoll set. False: see `why()`.
    bool connect(const net::SocketAddress& from, const net::SocketAddress& to);

    /// What epoll told of it. `request_head`: the upgrade, sent once connected. With `reads` false what came stays with
    /// the kernel.
    void on_events(std::uint32_t events, std::string_view request_head, SocketOwner& owner, bool reads = true);

    /// Sends one text message; what the kernel does not take waits here.
    void send(std::string_view payload, SocketOwner& owner);
    std::size_t waiting_bytes() const noexcept { return out_.size(); }

    /// Sends a close frame, if it is open, and closes.
    void close(CloseWhy why = CloseWhy::by_us) noexcept;

    int fd() const noexcept { return fd_.get(); }
    SocketState state() const noexcept { return state_; }
    CloseWhy why() const noexcept { return why_; }
    /// by_server: the close code, 1005 without one. refused: the HTTP status. cannot_connect: errno.
    int code() const noexcept { return code_; }

  private:
    void fail(CloseWhy why, int code, SocketOwner& owner);
    void read(SocketOwner& owner);
    void on_head(std::string_view bytes, SocketOwner& owner);
    void on_bytes(std::string_view bytes, SocketOwner& owner);
    bool on_frame(unsigned char first, std::string_view payload, SocketOwner& owner);
    void write(std::string_view bytes, SocketOwner& owner);
    void flush(SocketOwner& owner);

    net::UniqueFd fd_;
    SocketState state_ = SocketState::idle;
    CloseWhy why_ = CloseWhy::not_closed;
    int code_ = 0;
    std::string in_;       // the beginning of a head or frame
    std::string message_;  // the fragments so far
    bool in_message_ = false;
    std::string out_;
};

}  // namespace trunkline::load
