#pragma once

#include <cstddef>

#include "trunkline/protocol/bytes.hpp"

namespace trunkline::protocol {

// The secret that proxies and app servers share (SPEC.md "Handshake"). Both ends read it from a file that people wrote,
// so what of the file is the key must be the same at both.

inline constexpr std::size_t kMinLinkKey = 16;
inline constexpr std::size_t kMaxLinkKeyFile = 4096;

/// What both ends expect, in the words they say it with.
inline constexpr Bytes kLinkKeyForm =
    "a key of at least 16 bytes, white space around it not counted, in a file of at most 4096";

/// The key in a key file's content: all of it but white space (space, \t \r \n \f \v) at either end. Views `content`.
Bytes trim_link_key(Bytes content) noexcept;

/// Whether a file of this content holds a key that may be used.
bool has_link_key(Bytes content) noexcept;

}  // namespace trunkline::protocol
