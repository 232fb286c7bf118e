#pragma once

#include <string_view>
#include <system_error>

#include "trunkline/protocol/utf8.hpp"
#include "trunkline/protocol/websocket/frame.hpp"

#include <trunkline/error.hpp>

namespace trunkline {

// What may be said on the wire, checked before anything is encoded.

inline bool is_text(std::string_view text) noexcept { return protocol::is_valid_utf8(text); }

inline std::error_code check_reason(std::string_view reason) noexcept {
    if (reason.size() > protocol::websocket::kMaxCloseReason) return errc::reason_too_long;
    return is_text(reason) ? std::error_code{} : errc::not_utf8;
}

inline std::error_code check_name(std::string_view name) noexcept {
    if (name.empty()) return errc::bad_name;
    return is_text(name) ? std::error_code{} : errc::not_utf8;
}

}  // namespace trunkline
