#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trunkline::proxy {

/// Host and port as a `Host` header or an origin names them (RFC 9110 §7.2). Owns its text.
struct Authority {
    std::string host;                   ///< lower case; an IPv6 address keeps its brackets
    std::optional<std::uint16_t> port;  ///< as written; nothing is filled in

    bool operator==(const Authority&) const = default;
};

/// `text` as an authority, or nothing. Stricter than the RFC on purpose: names of letters, digits and `-._~`, bracketed
/// IPv6 addresses, no user information, no percent-encoding, no empty port.
std::optional<Authority> parse_authority(std::string_view text);

}  // namespace trunkline::proxy
