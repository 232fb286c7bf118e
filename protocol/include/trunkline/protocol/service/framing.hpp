#pragma once

#include <optional>

#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/errc.hpp"
#include "trunkline/protocol/service/reader.hpp"

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
inline Result<std::optional<FrameLength>> read_length(Bytes chunk, std::size_t max_body) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < chunk.size(); ++i) {
        const auto byte = static_cast<unsigned char>(chunk[i]);
        if (i == kMaxLengthPrefix - 1 && byte > 7) return errc::bad_length_prefix;
        length |= static_cast<std::size_t>(byte & 0x7f) << (7 * i);
        if (byte >= 0x80) continue;
        if (length > max_body) return errc::frame_too_large;
        return std::optional(FrameLength{i + 1, length});
    }
    return std::optional<FrameLength>();
}

/// Appends the shortest prefix for a body of `length` bytes, at most `kMaxFrameLength`.
void append_length(Buffer& out, std::size_t length);

/// The message type of a frame's body; nothing behind it is looked at. Errors as `decode` (decode.hpp).
inline Result<std::uint32_t> peek_type(Bytes body) {
    Reader in(body);
    if (in.array() == 0 && in.ok()) return errc::missing_field;
    const auto type = in.integer<std::uint32_t>();
    if (!in.ok()) return in.error();
    return type;
}

/// Whether frames of this type count in a lane's offsets (SPEC.md "Offsets"). Types 1-3 and 100-109 never do; every
/// other one does, known or not, which is what lets versions differ.
constexpr bool is_sequenced(std::uint32_t type) noexcept {
    return !((type >= 1 && type <= 3) || (type >= 100 && type <= 109));
}

}  // namespace trunkline::protocol
