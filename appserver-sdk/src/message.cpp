#include <trunkline/message.hpp>

namespace trunkline {

std::string_view to_string(AckStatus status) noexcept {
    switch (status) {
        case AckStatus::ok: return "ok";
        case AckStatus::not_found: return "not found";
        case AckStatus::timed_out: return "timed out";
        case AckStatus::failed: return "failed";
        case AckStatus::unknown: break;
    }
    return "unknown";
}

std::string_view to_string(ClosedBy by) noexcept {
    switch (by) {
        case ClosedBy::client: return "client";
        case ClosedBy::proxy: return "proxy";
        case ClosedBy::app: return "app";
        case ClosedBy::migrated: return "migrated";
        case ClosedBy::proxy_lost: break;
    }
    return "proxy lost";
}

}  // namespace trunkline
