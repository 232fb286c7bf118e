#pragma once

#include <cstddef>
#include <cstdint>

namespace trunkline::protocol::websocket {

/// What a frame is (RFC 6455 §5.2). The values not listed are reserved, and a frame with one fails the connection.
enum class Opcode : std::uint8_t { continuation = 0x0, text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xa };

constexpr bool is_control(Opcode opcode) noexcept { return (static_cast<unsigned>(opcode) & 0x8) != 0; }

inline constexpr unsigned kFinal = 0x80;  ///< FIN, of the first byte: the last frame of its message

inline constexpr std::size_t kMaxClientHeader = 14;     ///< two bytes, eight of length, four of mask
inline constexpr std::size_t kMaxServerHeader = 10;     ///< the same without the mask
inline constexpr std::size_t kMaxControlPayload = 125;  ///< of a close, ping or pong (RFC 6455 §5.5)
inline constexpr std::size_t kMaxCloseReason = 123;     ///< what the code leaves of it

/// Why a connection ends (RFC 6455 §7.4.1 and the IANA registry). Applications use 3000-4999 besides.
enum class CloseCode : std::uint16_t {
    normal = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unsupported_data = 1003,
    no_status = 1005,  ///< the close frame had no code; never sent
    abnormal = 1006,   ///< there was no close frame; never sent
    invalid_payload = 1007,
    policy_violation = 1008,
    message_too_big = 1009,
    mandatory_extension = 1010,
    internal_error = 1011,
    service_restart = 1012,
    try_again_later = 1013,
    bad_gateway = 1014,
};

/// Whether `code` may stand in a close frame, from either side: 1000-1003, 1007-1014, 3000-4999.
constexpr bool may_be_sent(std::uint16_t code) noexcept {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

}  // namespace trunkline::protocol::websocket
