#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trunkline {

/// What a WebSocket message carries: UTF-8 text or any bytes (RFC 6455 section 5.6).
enum class MessageKind : std::uint8_t { text, binary };

/// One message of a client. `bytes` lives until the callback that got it returns; copy what must outlive it.
struct Message {
    MessageKind kind = MessageKind::text;
    std::string_view bytes;
    /// An app server that is gone may have handled this message already (SPEC.md "App server lost"). At most once per
    /// message; always false for a connection that was opened here first.
    bool redelivered = false;
};

/// Why a connection is opened at this app server.
enum class Opened : std::uint8_t {
    fresh,     ///< the client has just connected
    resumed,   ///< the app server that had it is lost; messages may come that it had handled (`Message::redelivered`)
    migrated,  ///< the app server that had it drains, and has said and handled all
};

/// Who ended a connection first.
enum class ClosedBy : std::uint8_t {
    client,      ///< its close frame or the loss of its socket
    proxy,       ///< a limit, a timeout, a drain, or another app server's close
    app,         ///< `close`, `refuse` or `stop` of this app server
    proxy_lost,  ///< the links of the proxy's pool ended (SPEC.md "Windows")
    migrated,    ///< nobody: this app server drains, and the client goes on at another one (SPEC.md "Migration")
};

/// How a connection ended.
struct Disconnect {
    ClosedBy by = ClosedBy::client;
    /// The WebSocket close code: the client's own, or the one it was sent. 1005 = its close frame had none, 1006 =
    /// there was no close frame. A refusal before the upgrade answer shows the HTTP status here. 0 for `migrated`.
    std::uint16_t code = 0;
    std::string reason;
};

/// What an acknowledged request came to, over all the connections it concerned (SPEC.md "Acks of requests").
enum class AckStatus : std::uint8_t {
    ok,         ///< done, or it exists
    not_found,  ///< no proxy knows such a connection, group, user or member
    timed_out,  ///< a proxy gave up on it
    failed,     ///< a proxy could not do it
    unknown,    ///< a pool ended before it answered: it may still happen, or may have happened
};

/// The name of a status, for logs.
std::string_view to_string(AckStatus status) noexcept;
std::string_view to_string(ClosedBy by) noexcept;

}  // namespace trunkline
