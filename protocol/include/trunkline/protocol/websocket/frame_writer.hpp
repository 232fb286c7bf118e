#pragma once

#include <cstddef>
#include <cstdint>

#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/websocket/frame.hpp"

namespace trunkline::protocol::websocket {

/// Writes the header of a server's frame that is a whole message: final, unmasked, the length in its shortest form.
/// Returns how many bytes of `out` it is: 2, 4 or 10. The payload follows unchanged, so one encoded frame serves any
/// number of clients.
std::size_t write_header(char (&out)[kMaxServerHeader], Opcode opcode, std::size_t payload_size) noexcept;

/// At most 125 bytes of `payload`; the rest is left out.
void append_ping(Buffer& out, Bytes payload);

/// A close frame. A code that may not be sent (1005, 1006, ...) becomes an empty payload, without the reason. The
/// reason, which must be UTF-8, is cut at 123 bytes between characters.
void append_close(Buffer& out, std::uint16_t code, Bytes reason);

}  // namespace trunkline::protocol::websocket
