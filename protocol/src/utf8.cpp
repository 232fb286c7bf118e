#include "trunkline/protocol/utf8.hpp"

#include <bit>
#include <cstring>

namespace trunkline::protocol {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080;

bool is_continuation(unsigned char byte) noexcept { return (byte & 0xc0) == 0x80; }

std::uint64_t load(const unsigned char* at) noexcept {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

const unsigned char* skip_ascii(const unsigned char* at, const unsigned char* end) noexcept {
    while (end - at >= 32 && ((load(at) | load(at + 8) | load(at + 16) | load(at + 24)) & kHighBits) == 0) at += 32;
    while (end - at >= 8) {
        const std::uint64_t high = load(at) & kHighBits;
        if (high == 0) {
            at += 8;
            continue;
        }
        if constexpr (std::endian::native == std::endian::little) return at + std::countr_zero(high) / 8;
        break;
    }
    while (at < end && *at < 0x80) ++at;
    return at;
}

// Skips valid characters of more than one byte, as long as four bytes may be read. Null at one that is not valid. Each
// kind advances by a constant behind branches, so that the processor need not wait for one character to begin the next.
const unsigned char* skip_characters(const unsigned char* at, const unsigned char* end) noexcept {
    while (end - at >= 4 && *at >= 0x80) {
        const unsigned char lead = at[0];
        const unsigned char second = at[1];
        if (lead < 0xe0) {
            if (lead < 0xc2 || !is_continuation(second)) return nullptr;
            at += 2;
        } else if (lead < 0xf0) {
            if (!is_continuation(second) || !is_continuation(at[2])) return nullptr;
            if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second >= 0xa0)) return nullptr;
            at += 3;
        } else {
            if (lead > 0xf4 || !is_continuation(second) || !is_continuation(at[2]) || !is_continuation(at[3])) {
                return nullptr;
            }
            if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second >= 0x90)) return nullptr;
            at += 4;
        }
    }
    return at;
}

}  // namespace

bool Utf8Validator::step(unsigned char byte) noexcept {
    if (to_come_ > 0) {
        if (byte < low_ || byte > high_) return false;
        low_ = 0x80;
        high_ = 0xbf;
        --to_come_;
        return true;
    }
    if (byte < 0x80) return true;
    if (byte < 0xc2 || byte > 0xf4) return false;
    to_come_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    if (byte == 0xe0) low_ = 0xa0;   // below: overlong
    if (byte == 0xed) high_ = 0x9f;  // above: surrogates
    if (byte == 0xf0) low_ = 0x90;   // below: overlong
    if (byte == 0xf4) high_ = 0x8f;  // above: U+10FFFF
    return true;
}

bool Utf8Validator::feed(Bytes piece) noexcept {
    if (to_come_ == kBad) return false;
    const auto* at = reinterpret_cast<const unsigned char*>(piece.data());
    const auto* const end = at + piece.size();

    bool good = true;
    while (good && to_come_ > 0 && at < end) good = step(*at++);  // the rest of a character that was cut
    while (good && end - at >= 4) {
        at = skip_characters(skip_ascii(at, end), end);
        if (at == nullptr) good = false;
    }
    while (good && at < end) good = step(*at++);
    if (!good) to_come_ = kBad;
    return good;
}

bool is_valid_utf8(Bytes text) noexcept {
    Utf8Validator validator;
    return validator.feed(text) && validator.is_complete();
}

Utf8Character first_character(Bytes text) noexcept {
    const auto lead = static_cast<unsigned char>(text.front());
    if (lead < 0x80) return {lead, 1, true};
    Utf8Validator validator;
    std::uint32_t code_point = lead < 0xe0 ? lead & 0x1f : lead < 0xf0 ? lead & 0x0f : lead & 0x07;
    for (std::size_t i = 0; i < text.size() && validator.feed(text.substr(i, 1)); ++i) {
        if (i > 0) code_point = code_point << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
        if (validator.is_complete()) return {code_point, i + 1, true};
    }
    return {};
}

Bytes utf8_prefix(Bytes text, std::size_t max) noexcept {
    if (text.size() <= max) return text;
    std::size_t size = max;
    for (int back = 0; back < 3 && size > 0 && is_continuation(static_cast<unsigned char>(text[size])); ++back) --size;
    return text.substr(0, size);
}

}  // namespace trunkline::protocol
