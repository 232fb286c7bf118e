#include "tests/load/stamp.hpp"

#include <cstring>

namespace trunkline::load {

void append_hex(std::string& out, std::uint64_t value, unsigned digits) {
    static constexpr char kDigits[] = "0123456789abcdef";
    for (unsigned i = digits; i-- > 0;) out += kDigits[(value >> (4 * i)) & 0xf];
}

std::optional<std::uint64_t> parse_hex(std::string_view digits) noexcept {
    std::uint64_t value = 0;
    for (const char c : digits) {
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return std::nullopt;
        value = value << 4 | static_cast<std::uint64_t>(digit);
    }
    return value;
}

void append(std::string& out, const Stamp& stamp) {
    out += stamp.what;
    append_hex(out, stamp.run, 8);
    append_hex(out, stamp.sender, 8);
    append_hex(out, stamp.sequence, 16);
    append_hex(out, static_cast<std::uint64_t>(stamp.due_ns), 16);
}

std::string to_text(const Stamp& stamp, std::size_t size) {
    std::string text;
    text.reserve(size < Stamp::kBytes ? Stamp::kBytes : size);
    append(text, stamp);
    if (text.size() < size) text.resize(size, 'x');
    return text;
}

bool is_padded(std::string_view text, std::size_t begin, std::size_t size) noexcept {
    if (text.size() != size) return false;
    const auto rest = text.substr(begin);
    // Each is like the one before it, and the first is an x: as fast as memory goes.
    return rest.empty() || (rest[0] == 'x' && std::memcmp(rest.data(), rest.data() + 1, rest.size() - 1) == 0);
}

std::optional<Stamp> parse_stamp(std::string_view text) noexcept {
    if (text.size() < Stamp::kBytes) return std::nullopt;
    const auto run = parse_hex(text.substr(1, 8));
    const auto sender = parse_hex(text.substr(9, 8));
    const auto sequence = parse_hex(text.substr(17, 16));
    const auto due = parse_hex(text.substr(33, 16));
    if (!run || !sender || !sequence || !due) return std::nullopt;
    return Stamp{text[0], static_cast<std::uint32_t>(*run), static_cast<std::uint32_t>(*sender), *sequence,
                 static_cast<std::int64_t>(*due)};
}

}  // namespace trunkline::load
