#include "trunkline/protocol/websocket/mask.hpp"

#include <cstdint>
#include <cstring>

namespace trunkline::protocol::websocket {

void unmask(char* data, std::size_t size, MaskKey key) noexcept {
    std::uint32_t half;
    std::memcpy(&half, key.bytes.data(), sizeof half);
    const std::uint64_t word = std::uint64_t{half} << 32 | half;  // four bytes repeat alike in either byte order

    for (; size >= 32; size -= 32, data += 32) {  // a fixed count, which compilers turn into vector instructions
        std::uint64_t block[4];
        std::memcpy(block, data, sizeof block);
        for (auto& part : block) part ^= word;
        std::memcpy(data, block, sizeof block);
    }
    for (; size >= 8; size -= 8, data += 8) {
        std::uint64_t part;
        std::memcpy(&part, data, sizeof part);
        part ^= word;
        std::memcpy(data, &part, sizeof part);
    }
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>(data[i] ^ key.bytes[i & 3]);
}

}  // namespace trunkline::protocol::websocket
