#pragma once

#include <optional>

#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/errc.hpp"

namespace trunkline::protocol {

/// The extent of the frame at the start of a chunk (SPEC.md "Framing"): `prefix` bytes of VarInt, then `body` bytes.
struct FrameLength {
    std::size_t prefix;
    std::size_t body;

    std::size_t total() const noexcept { return prefix + body; }
};

/// The longest length prefix in bytes.
inline constexpr std::size_t kMaxLengthPrefix = 5;

/// Reads the length prefix at the start of `chunk`. Nothing: the prefix is not there whole, so read more. Longer forms
/// of a small number are accepted; the lane's offsets count the bytes as they came.
/// Errors: `bad_length_prefix`, and `frame_too_large` for a body of more than `max_body` bytes, which is known before
/// any of the body arrived. Either leaves the stream unreadable.
Result<std::optional<FrameLength>> read_length(Bytes chunk, std::size_t max_body);

/// Appends the shortest prefix for a body of `length` bytes, at most `kMaxFrameLength`.
void append_length(Buffer& out, std::size_t length);

/// The message type of a frame's body; nothing behind it is looked at.
Result<std::uint32_t> peek_type(Bytes body);

/// Whether frames of this type count in a lane's offsets (SPEC.md "Offsets"). Types 1-3 and 100-109 never do; every
/// other one does, known or not, which is what lets versions differ.
constexpr bool is_sequenced(std::uint32_t type) noexcept {
    return !((type >= 1 && type <= 3) || (type >= 100 && type <= 109));
}

}  // namespace trunkline::protocol
