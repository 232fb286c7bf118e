#pragma once

#include <cstddef>
#include <cstdint>

namespace trunkline::protocol {

// Defaults that both ends of a link know; all sizes in bytes (SPEC.md "Limits").
inline constexpr std::size_t kMaxFrameLength = 0x7fffffff;               ///< what a length prefix can say at most
inline constexpr std::size_t kDefaultMaxFrame = (1 << 20) + (64 << 10);  ///< what a proxy takes unless configured
inline constexpr std::size_t kLeastMaxFrame = 16 << 10;   ///< what either side must take: an Open and some more
inline constexpr std::uint64_t kDefaultWindow = 1 << 20;  ///< received but not handled, per lane and direction
inline constexpr std::uint64_t kDefaultRing = 4 << 20;    ///< sent but not handled by the peer
inline constexpr std::uint64_t kReserve = 256 << 10;      ///< kept for control frames beyond a full ring
inline constexpr std::uint64_t kAckEvery = 64 << 10;      ///< an Ack at the latest after so many handled bytes
inline constexpr std::uint32_t kMaxOpenRequests = 4096;   ///< acknowledged requests of an app, per lane
inline constexpr std::size_t kMaxOpenRecord = 8 << 10;    ///< request head that an Open carries

}  // namespace trunkline::protocol
