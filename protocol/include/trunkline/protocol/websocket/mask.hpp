#pragma once

#include <array>
#include <cstddef>

namespace trunkline::protocol::websocket {

/// The four bytes that a client masks a frame's payload with (RFC 6455 §5.3), in wire order.
struct MaskKey {
    std::array<char, 4> bytes{};

    /// The key as it stands `n` payload bytes later, for a payload that arrives in pieces.
    constexpr MaskKey after(std::size_t n) const noexcept {
        return {{bytes[n & 3], bytes[(n + 1) & 3], bytes[(n + 2) & 3], bytes[(n + 3) & 3]}};
    }
};

/// Takes the mask off `size` bytes, in place; `key` is what the first of them was masked with first. The same again
/// puts it back on.
void unmask(char* data, std::size_t size, MaskKey key) noexcept;

}  // namespace trunkline::protocol::websocket
