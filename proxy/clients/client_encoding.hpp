#pragma once

#include <cstddef>
#include <cstdint>

namespace trunkline::proxy {

/// What a client understands as a message: which payload of a fan-out is for it.
enum class ClientProtocol : std::uint8_t {
    raw,  ///< the payload and nothing else: `text`, or else `binary`
};
inline constexpr std::size_t kClientProtocols = 1;

/// How a client's transport marks where a message begins and ends.
enum class Framing : std::uint8_t {
    websocket,  ///< one unmasked frame for each message (RFC 6455 section 5.2)
};
inline constexpr std::size_t kFramings = 1;

}  // namespace trunkline::proxy
