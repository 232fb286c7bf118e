#include "trunkline/protocol/service/framing.hpp"

#include <cassert>

#include "trunkline/protocol/limits.hpp"

namespace trunkline::protocol {

void append_length(Buffer& out, std::size_t length) {
    assert(length <= kMaxFrameLength);
    for (; length >= 0x80; length >>= 7) out.push_back(static_cast<char>(length | 0x80));
    out.push_back(static_cast<char>(length));
}

}  // namespace trunkline::protocol
