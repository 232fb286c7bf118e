#pragma once

#include <cstdint>
#include <span>

#include "net/byte_stream.hpp"
#include "proxy/clients/client_encoding.hpp"
#include "proxy/clients/outbox.hpp"
#include "trunkline/protocol/websocket/frame_reader.hpp"

namespace trunkline::proxy {

/// A client's WebSocket (RFC 6455): its stream and the frames on it. Reads messages, frames what is sent into an outbox
/// and writes that. It holds no buffer between frames, and keeps no time: what its session does with a message, a close
/// frame or an error is the session's business.
///
/// Another transport stands beside this one, with the same calls; a session decides once which it has.
class WebSocketTransport {
  public:
    static constexpr Framing kFraming = Framing::websocket;

    WebSocketTransport() = default;
    explicit WebSocketTransport(net::ByteStream stream) noexcept : stream_(std::move(stream)) {}

    net::ByteStream& stream() noexcept { return stream_; }
    void close() noexcept { stream_.close(); }

    // --- In ---

    /// Takes bytes that were read, and unmasks them where they are. `sink` gets each whole message and control frame
    /// (FrameReader::feed).
    template <class Sink>
    protocol::websocket::ReadResult feed(std::span<char> bytes, const protocol::websocket::ReadLimits& limits,
                                         Sink& sink) {
        return reader_.feed(bytes, limits, sink);
    }
    /// Whether a message has begun and not ended.
    bool has_partial() const noexcept { return reader_.has_partial(); }

    // --- Out: each adds one entry to the outbox ---

    static void add_message(Outbox& out, protocol::PayloadKind kind, protocol::Bytes payload);
    static void add_ping(Outbox& out);
    /// `payload`: of the ping, at most 125 bytes.
    static void add_pong(Outbox& out, protocol::Bytes payload);
    /// See `protocol::websocket::append_close` for codes that may not be sent, and long reasons.
    static void add_close(Outbox& out, std::uint16_t code, protocol::Bytes reason);

    /// Writes what waits, as far as the socket takes it. The result is that of the last write: ok if nothing is left.
    net::IoResult write(Outbox& out);

  private:
    net::ByteStream stream_;
    protocol::websocket::FrameReader reader_;
};

}  // namespace trunkline::proxy
