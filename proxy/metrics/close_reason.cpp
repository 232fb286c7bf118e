#include "proxy/metrics/close_reason.hpp"

#include <array>

namespace trunkline::proxy {
namespace {

using By = ClosedBy;
using R = CloseReason;

// Codes are those of RFC 6455 §7.4.1 and IANA's registry "WebSocket Close Code Number":
//   1000 normal, 1001 going away, 1002 protocol error, 1006 (no frame), 1007 bad payload, 1008 policy, 1009 too big,
//   1011 server's fault, 1012 restart: come back, 1013 overload: come back later.
// `by` is what the app server that holds the connection is told: another's verb, a limit or a timeout is "proxy".
constexpr std::array<CloseReasonInfo, kCloseReasonCount> kTable{{
    // Echoed with the client's own code; without one the app is told 1005 (RFC 6455 §7.1.5).
    {R::client_closed, "client_closed", By::client, kCodeAsGiven, ""},
    {R::client_gone, "client_gone", By::client, kCodeNoFrame, "connection ended without a close frame"},
    {R::client_reset, "client_reset", By::client, kCodeNoFrame, "connection reset"},

    {R::protocol_error, "protocol_error", By::proxy, 1002, "protocol error"},
    {R::invalid_utf8, "invalid_utf8", By::proxy, 1007, "invalid UTF-8"},
    {R::message_too_big, "message_too_big", By::proxy, 1009, "message too big"},
    // Each frame is legal and the message may be small, so neither 1002 nor 1009 would tell the truth.
    {R::too_many_fragments, "too_many_fragments", By::proxy, 1008, "too many fragments"},
    {R::message_timeout, "message_timeout", By::proxy, 1008, "message took too long"},
    // The client may come back when it can keep up.
    {R::outbox_full, "outbox_full", By::proxy, 1013, "client too slow"},
    // The socket takes nothing, so no close frame would get through.
    {R::write_stalled, "write_stalled", By::proxy, kCodeNoFrame, "client takes no data"},
    // Mostly a dead path, where nobody reads the frame; a client that is alive and does not pong learns why.
    {R::pong_timeout, "pong_timeout", By::proxy, 1008, "no pong"},
    // Nobody did wrong: we leave, as a browser leaves a page.
    {R::idle_timeout, "idle_timeout", By::proxy, 1001, "idle"},

    {R::app_closed, "app_closed", By::app, kCodeAsGiven, ""},
    {R::closed_by_verb, "closed_by_verb", By::proxy, kCodeAsGiven, ""},
    {R::refused_by_app, "refused_by_app", By::app, kCodeAsGiven, "refused"},
    {R::ask_timeout, "ask_timeout", By::proxy, 503, "app server did not answer"},
    {R::app_server_lost, "app_server_lost", By::proxy, 1012, "app server lost"},
    {R::app_server_stopping, "app_server_stopping", By::app, 1012, "app server restarting"},
    {R::redelivered_twice, "redelivered_twice", By::proxy, 1011, "a message could not be handled"},

    {R::draining, "draining", By::proxy, 1012, "proxy restarting"},
    {R::max_connection_age, "max_connection_age", By::proxy, 1012, "come back"},
    {R::internal_error, "internal_error", By::proxy, 1011, "internal error"},
}};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kTable.size(); ++i)
        if (static_cast<std::size_t>(kTable[i].reason) != i || kTable[i].text.size() > 123) return false;
    return true;
}
static_assert(in_order(), "a row per enumerator, in their order, with a text that fits a close frame");

}  // namespace

const CloseReasonInfo& describe(CloseReason reason) noexcept { return kTable[static_cast<std::size_t>(reason)]; }

std::span<const CloseReasonInfo, kCloseReasonCount> close_reasons() noexcept { return kTable; }

std::string_view to_string(ClosedBy by) noexcept {
    switch (by) {
        case ClosedBy::client: return "client";
        case ClosedBy::proxy: return "proxy";
        case ClosedBy::app: return "app";
    }
    return "?";
}

}  // namespace trunkline::proxy
