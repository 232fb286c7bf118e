#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace trunkline::proxy {

/// Why a connection ended. `Session::close` takes one of these, once; metrics, the log line, the close frame and what
/// the app server is told all follow from its row in the table (`describe`).
enum class CloseReason : std::uint8_t {
    // The client ended it.
    client_closed,  ///< a close frame came
    client_gone,    ///< the end of the stream came without a close frame
    client_reset,   ///< the socket failed: reset, unreachable, timed out in the kernel

    // The client broke a rule or a limit.
    protocol_error,      ///< unmasked, reserved bits, unknown opcode, bad control frame, bad close code, …
    invalid_utf8,        ///< in a text message or a close reason
    message_too_big,     ///< longer than the route allows
    too_many_fragments,  ///< more frames in a message than allowed
    message_timeout,     ///< a message begun and not ended in time
    outbox_full,         ///< more waits for the client than its outbox may hold
    write_stalled,       ///< the client took no byte for too long
    pong_timeout,        ///< pinged and silent
    idle_timeout,        ///< no message in either direction for the route's time

    // The app server ended it.
    app_closed,           ///< its own app server closed it
    closed_by_verb,       ///< close of a connection, user or group, from any app server of the upstream
    refused_by_app,       ///< `ask`: the app said no before the upgrade
    ask_timeout,          ///< `ask`: the app did not answer in time
    app_server_lost,      ///< the pool ended without a word: link lost, silence, a bad frame
    app_server_stopping,  ///< the app server said Bye because it stops, or drains and its clients are not kept
    redelivered_twice,    ///< two pools ended with the same message of this client unhandled

    // The proxy ended it.
    draining,            ///< this proxy is being stopped
    max_connection_age,  ///< open for so long that it is to come back, maybe to another proxy
    internal_error,      ///< a fault of ours
};

/// Whose doing the end was.
enum class ClosedBy : std::uint8_t { client, proxy, app };

/// The code is not fixed: it is what the one who closed gave (a close code, or before the upgrade an HTTP status).
inline constexpr std::uint16_t kCodeAsGiven = 0;
/// RFC 6455 §7.4.1: stands for "no close frame", never goes out in one.
inline constexpr std::uint16_t kCodeNoFrame = 1006;

/// One row of the table.
struct CloseReasonInfo {
    CloseReason reason;
    std::string_view label;  ///< value of the metric label `reason` and of the log field
    ClosedBy by;
    std::uint16_t code;  ///< for the close frame and for the app server; kCodeAsGiven, kCodeNoFrame, or below 1000 an
                         ///< HTTP status: the connection ended before its upgrade
    std::string_view text;  ///< the close frame's reason (at most 123 bytes, ASCII) unless the caller has a better one
};

inline constexpr std::size_t kCloseReasonCount = static_cast<std::size_t>(CloseReason::internal_error) + 1;

/// The row of `reason`; static storage.
const CloseReasonInfo& describe(CloseReason reason) noexcept;

/// All rows, in the order of the enumerators.
std::span<const CloseReasonInfo, kCloseReasonCount> close_reasons() noexcept;

/// `client`, `proxy` or `app`: the value of the metric label `by`.
std::string_view to_string(ClosedBy by) noexcept;

}  // namespace trunkline::proxy
