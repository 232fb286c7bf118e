#include "trunkline/protocol/ids.hpp"

namespace trunkline::protocol {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr auto kValues = [] {
    std::array<signed char, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
        values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<signed char>(i);
    }
    return values;
}();

}  // namespace

ConnectionId ConnectionId::located(Epoch proxy, std::array<unsigned char, 16> random) noexcept {
    ConnectionId id{random};
    const auto low = static_cast<std::uint32_t>(proxy);
    id.bytes[0] |= 0x80;
    for (std::size_t i = 0; i < 4; ++i) id.bytes[1 + i] = static_cast<unsigned char>(low >> (24 - 8 * i));
    return id;
}

std::optional<ConnectionId> ConnectionId::parse(std::string_view text) noexcept {
    if (text.size() != kTextLength) return std::nullopt;
    ConnectionId id;
    std::uint32_t bits = 0;
    int count = 0;
    std::size_t out = 0;
    for (const char c : text) {
        const signed char value = kValues[static_cast<unsigned char>(c)];
        if (value < 0) return std::nullopt;
        bits = (bits << 6 | static_cast<unsigned char>(value)) & 0xffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            id.bytes[out++] = static_cast<unsigned char>(bits >> count);
        }
    }
    if ((bits & 0xf) != 0) return std::nullopt;  // 22 characters hold four bits more than 16 bytes
    return id;
}

std::array<char, ConnectionId::kTextLength> ConnectionId::text() const noexcept {
    std::array<char, kTextLength> out;
    std::uint32_t bits = 0;
    int count = 0;
    std::size_t n = 0;
    for (const unsigned char byte : bytes) {
        bits = (bits << 8 | byte) & 0xffff;
        count += 8;
        while (count >= 6) {
            count -= 6;
            out[n++] = kAlphabet[(bits >> count) & 63];
        }
    }
    out[n] = kAlphabet[(bits << 4) & 63];
    return out;
}

std::string ConnectionId::to_string() const {
    const auto t = text();
    return {t.data(), t.size()};
}

std::uint32_t ConnectionId::proxy_epoch_low() const noexcept {
    return std::uint32_t{bytes[1]} << 24 | std::uint32_t{bytes[2]} << 16 | std::uint32_t{bytes[3]} << 8 | bytes[4];
}

}  // namespace trunkline::protocol
