#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace trunkline::protocol {

/// One life of a process, proxy or app server: 64 random bits drawn at its start (SPEC.md "Epochs").
enum class Epoch : std::uint64_t {};

/// Stands for a connection inside one pool: from 1, one more per Open of that pool, never reused (SPEC.md "Chans").
enum class Chan : std::uint64_t {};

/// The secret of one pool: 16 random bytes that the proxy drew (SPEC.md "Attach").
struct PoolId {
    std::array<char, 16> bytes{};

    std::string_view view() const noexcept { return {bytes.data(), bytes.size()}; }
    auto operator<=>(const PoolId&) const = default;
};

/// The public id of a connection: 128 bits, written as 22 characters base64url. A *located* id (bit 7 of byte 0) names
/// the proxy that holds the connection by the low 32 bits of its epoch in bytes 1-4, big-endian (SPEC.md
/// "Connection ids"). Apps treat the text as opaque.
struct ConnectionId {
    std::array<unsigned char, 16> bytes{};

    static constexpr std::size_t kTextLength = 22;

    /// Makes `random` a located id of the proxy with this epoch.
    static ConnectionId located(Epoch proxy, std::array<unsigned char, 16> random) noexcept;

    /// The id that `text` spells, or nothing if it is not exactly 22 characters of base64url of which the last is one
    /// of `AQgw`.
    static std::optional<ConnectionId> parse(std::string_view text) noexcept;

    std::array<char, kTextLength> text() const noexcept;
    std::string to_string() const;

    bool is_located() const noexcept { return (bytes[0] & 0x80) != 0; }
    /// The low 32 bits of the owning proxy's epoch; only meaningful for a located id.
    std::uint32_t proxy_epoch_low() const noexcept;

    auto operator<=>(const ConnectionId&) const = default;
};

}  // namespace trunkline::protocol

template <>
struct std::hash<trunkline::protocol::ConnectionId> {
    std::size_t operator()(const trunkline::protocol::ConnectionId& id) const noexcept {
        std::uint64_t tail;  // the last eight bytes are random in every id
        std::memcpy(&tail, id.bytes.data() + 8, sizeof tail);
        return static_cast<std::size_t>(tail);
    }
};
