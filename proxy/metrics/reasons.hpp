#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace trunkline::proxy {

/// Why a request or a socket never became a connection (`trunkline_refused_total`). A reason that CloseReason knows
/// too has the same label there.
enum class RefuseReason : std::uint8_t {
    bad_request,         ///< 400: the head or the upgrade is malformed
    head_too_large,      ///< 431
    head_timeout,        ///< no complete head in time
    origin,              ///< 403: the Origin is not allowed
    no_route,            ///< 404
    method_not_allowed,  ///< 405: static files
    upgrade_required,    ///< 426: a plain request for a WebSocket path, or a version other than 13
    connection_limit,    ///< 503: the proxy holds as many as it may
    address_limit,       ///< this client address holds as many as it may
    no_app_server,       ///< 503: no app server is linked, or every chosen lane is full
    refused_by_app,      ///< `ask`: the app's answer, 403 or another 4xx
    ask_timeout,         ///< 503: the app did not answer in time
    app_server_lost,     ///< 503: `ask`: it went away before it answered
    draining,            ///< 503
    client_gone,         ///< the client left before it was answered
    internal_error,      ///< 503, or no answer: a fault of ours
};
inline constexpr std::size_t kRefuseReasonCount = static_cast<std::size_t>(RefuseReason::internal_error) + 1;

/// Why something that was received on one side did not go out on the other (`trunkline_drops_total`), counted in
/// messages; one fan-out that misses three clients is three.
enum class DropReason : std::uint8_t {
    no_fitting_payload,  ///< a fan-out or a send that has no payload for this client's protocol
    unsupported_verb,    ///< a verb of the service protocol that native peers do not use
    unknown_frame,       ///< a sequenced frame of a type this release does not know
    client_closing,      ///< for a client whose close is under way, or from one
    outbox_discarded,    ///< waited in an outbox when its client went away
    outbox_policy,       ///< a fan-out for a client that takes too little, dropped as its route has it
    app_server_lost,     ///< in the ring of a pool that ended, not acknowledged: it may have been handled or not
    too_large,           ///< beyond the frame limit of the other side
};
inline constexpr std::size_t kDropReasonCount = static_cast<std::size_t>(DropReason::too_large) + 1;

/// Which way a message goes.
enum class Direction : std::uint8_t { to_app, to_client };
inline constexpr std::size_t kDirectionCount = 2;

/// Values of the metric labels `reason` and `direction`.
std::string_view to_string(RefuseReason reason) noexcept;
std::string_view to_string(DropReason reason) noexcept;
std::string_view to_string(Direction direction) noexcept;

}  // namespace trunkline::proxy
