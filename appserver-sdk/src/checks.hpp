#pragma once

#include <cstdint>
#include <string_view>
#include <system_error>

#include "trunkline/protocol/websocket/utf8.hpp"

#include <trunkline/error.hpp>

namespace trunkline {

// What may be said on the wire, checked before anything is encoded.

/// The longest close reason: a control frame's 125 bytes less the code (RFC 6455 section 5.5.1).
inline constexpr std::size_t kMaxReasonBytes = 123;

/// Codes that may stand in a close frame (RFC 6455 section 7.4); 1004-1006 and 1015 never do.
constexpr bool is_close_code(std::uint16_t code) noexcept {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

inline bool is_text(std::string_view text) noexcept { return protocol::websocket::is_valid_utf8(text); }

inline std::error_code check_reason(std::string_view reason) noexcept {
    if (reason.size() > kMaxReasonBytes) return errc::reason_too_long;
    return is_text(reason) ? std::error_code{} : errc::not_utf8;
}

inline std::error_code check_name(std::string_view name) noexcept {
    if (name.empty()) return errc::bad_name;
    return is_text(name) ? std::error_code{} : errc::not_utf8;
}

}  // namespace trunkline
