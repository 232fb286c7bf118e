#include "proxy/metrics/reasons.hpp"

namespace trunkline::proxy {

std::string_view to_string(RefuseReason reason) noexcept {
    switch (reason) {
        case RefuseReason::bad_request: return "bad_request";
        case RefuseReason::head_too_large: return "head_too_large";
        case RefuseReason::head_timeout: return "head_timeout";
        case RefuseReason::origin: return "origin";
        case RefuseReason::no_route: return "no_route";
        case RefuseReason::method_not_allowed: return "method_not_allowed";
        case RefuseReason::upgrade_required: return "upgrade_required";
        case RefuseReason::connection_limit: return "connection_limit";
        case RefuseReason::address_limit: return "address_limit";
        case RefuseReason::no_app_server: return "no_app_server";
        case RefuseReason::refused_by_app: return "refused_by_app";
        case RefuseReason::ask_timeout: return "ask_timeout";
        case RefuseReason::app_server_lost: return "app_server_lost";
        case RefuseReason::draining: return "draining";
        case RefuseReason::client_gone: return "client_gone";
        case RefuseReason::internal_error: return "internal_error";
    }
    return "?";
}

std::string_view to_string(DropReason reason) noexcept {
    switch (reason) {
        case DropReason::no_fitting_payload: return "no_fitting_payload";
        case DropReason::unsupported_verb: return "unsupported_verb";
        case DropReason::unknown_frame: return "unknown_frame";
        case DropReason::client_closing: return "client_closing";
        case DropReason::outbox_discarded: return "outbox_discarded";
        case DropReason::outbox_policy: return "outbox_policy";
        case DropReason::app_server_lost: return "app_server_lost";
        case DropReason::too_large: return "too_large";
    }
    return "?";
}

std::string_view to_string(Direction direction) noexcept {
    return direction == Direction::to_app ? "to_app" : "to_client";
}

}  // namespace trunkline::proxy
