#pragma once

#include <cstddef>
#include <cstdint>

#include "trunkline/protocol/bytes.hpp"

/// The little of MessagePack that reading in place needs (SPEC.md "MessagePack").
namespace trunkline::protocol::wire {

inline constexpr unsigned char kFixMap = 0x80;
inline constexpr unsigned char kFixArray = 0x90;
inline constexpr unsigned char kFixStr = 0xa0;
inline constexpr unsigned char kNil = 0xc0;
inline constexpr unsigned char kFalse = 0xc2;
inline constexpr unsigned char kTrue = 0xc3;
inline constexpr unsigned char kBin8 = 0xc4;
inline constexpr unsigned char kBin16 = 0xc5;
inline constexpr unsigned char kBin32 = 0xc6;
inline constexpr unsigned char kExt8 = 0xc7;
inline constexpr unsigned char kExt32 = 0xc9;
inline constexpr unsigned char kFloat32 = 0xca;
inline constexpr unsigned char kFloat64 = 0xcb;
inline constexpr unsigned char kUint8 = 0xcc;
inline constexpr unsigned char kUint16 = 0xcd;
inline constexpr unsigned char kUint32 = 0xce;
inline constexpr unsigned char kUint64 = 0xcf;
inline constexpr unsigned char kInt8 = 0xd0;
inline constexpr unsigned char kInt16 = 0xd1;
inline constexpr unsigned char kInt32 = 0xd2;
inline constexpr unsigned char kInt64 = 0xd3;
inline constexpr unsigned char kFixExt1 = 0xd4;
inline constexpr unsigned char kFixExt16 = 0xd8;
inline constexpr unsigned char kStr8 = 0xd9;
inline constexpr unsigned char kStr16 = 0xda;
inline constexpr unsigned char kStr32 = 0xdb;
inline constexpr unsigned char kArray16 = 0xdc;
inline constexpr unsigned char kArray32 = 0xdd;
inline constexpr unsigned char kMap16 = 0xde;
inline constexpr unsigned char kMap32 = 0xdf;
inline constexpr unsigned char kNegativeFixInt = 0xe0;

template <std::size_t Width>
std::uint64_t load(const char* at) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < Width; ++i) value = value << 8 | static_cast<unsigned char>(at[i]);
    return value;
}

/// `width` bytes (1, 2, 4 or 8), most significant first.
inline std::uint64_t load(const char* at, std::size_t width) noexcept {
    switch (width) {
        case 1: return load<1>(at);
        case 2: return load<2>(at);
        case 4: return load<4>(at);
        default: return load<8>(at);
    }
}

inline char* store(char* at, std::uint64_t value, std::size_t width) noexcept {
    for (std::size_t i = width; i-- > 0; value >>= 8) at[i] = static_cast<char>(value & 0xff);
    return at + width;
}

/// The str, bin or nil (empty) at `at`, which moves behind it. Unchecked: only for bytes that a Reader walked over
/// before.
inline Bytes take_blob(const char*& at) noexcept {
    const auto lead = static_cast<unsigned char>(*at++);
    std::size_t length = lead & 0x1f;
    if (lead >= kBin8 && lead <= kBin32) {
        const std::size_t width = std::size_t{1} << (lead - kBin8);
        length = load(at, width);
        at += width;
    } else if (lead >= kStr8) {
        const std::size_t width = std::size_t{1} << (lead - kStr8);
        length = load(at, width);
        at += width;
    }
    const Bytes blob(at, length);
    at += length;
    return blob;
}

/// The length of the array at `at`, which moves behind its head. Unchecked like `take_blob`.
inline std::size_t take_array(const char*& at) noexcept {
    const auto lead = static_cast<unsigned char>(*at++);
    if (lead < kArray16) return lead & 0x0f;
    const std::size_t width = lead == kArray16 ? 2 : 4;
    const auto length = load(at, width);
    at += width;
    return length;
}

}  // namespace trunkline::protocol::wire
