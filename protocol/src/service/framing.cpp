#include "trunkline/protocol/service/framing.hpp"

#include <algorithm>
#include <cassert>

#include "trunkline/protocol/limits.hpp"
#include "trunkline/protocol/service/reader.hpp"

namespace trunkline::protocol {

Result<std::optional<FrameLength>> read_length(Bytes chunk, std::size_t max_body) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < std::min(chunk.size(), kMaxLengthPrefix); ++i) {
        const auto byte = static_cast<unsigned char>(chunk[i]);
        if (i == kMaxLengthPrefix - 1 && byte > 7) return errc::bad_length_prefix;
        length |= static_cast<std::size_t>(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            if (length > max_body) return errc::frame_too_large;
            return std::optional(FrameLength{i + 1, length});
        }
    }
    return std::optional<FrameLength>();
}

void append_length(Buffer& out, std::size_t length) {
    assert(length <= kMaxFrameLength);
    for (; length >= 0x80; length >>= 7) out.push_back(static_cast<char>(length | 0x80));
    out.push_back(static_cast<char>(length));
}

Result<std::uint32_t> peek_type(Bytes body) {
    Reader in(body);
    if (in.array() == 0 && in.ok()) return errc::missing_field;
    const auto type = in.integer<std::uint32_t>();
    if (!in.ok()) return in.error();
    return type;
}

}  // namespace trunkline::protocol
