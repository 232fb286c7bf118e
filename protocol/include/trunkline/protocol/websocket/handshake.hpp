#pragma once

#include <string>

#include "trunkline/protocol/bytes.hpp"

namespace trunkline::protocol::websocket {

/// Whether `key`, a Sec-WebSocket-Key, spells 16 bytes in base64: 22 characters and `==` (RFC 6455 §4.2.1). The four
/// bits that no byte uses may be anything, because small clients draw the characters at random.
[[nodiscard]] bool is_valid_key(Bytes key) noexcept;

/// The Sec-WebSocket-Accept for a key: 28 characters (RFC 6455 §4.2.2). Any thread. Throws std::runtime_error if
/// libcrypto offers no SHA-1, which a program finds out at its start by calling this once.
[[nodiscard]] std::string accept_key(Bytes key);

}  // namespace trunkline::protocol::websocket
