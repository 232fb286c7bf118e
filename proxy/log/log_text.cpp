#include "proxy/log/log_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace trunkline::proxy {
namespace {

constexpr char kHex[] = "0123456789abcdef";

struct Character {
    std::uint32_t code_point = 0;
    std::size_t length = 1;  // bytes it took; 1 for an invalid one
    bool valid = false;
};

// The first character of `rest`, which is not empty (RFC 3629: shortest form, no surrogates, up to U+10FFFF).
Character first_character(std::string_view rest) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return {lead, 1, true};
    std::size_t length = 0;
    if (lead >= 0xc2 && lead <= 0xdf) length = 2;
    if (lead >= 0xe0 && lead <= 0xef) length = 3;
    if (lead >= 0xf0 && lead <= 0xf4) length = 4;
    if (length == 0 || rest.size() < length) return {};
    std::uint32_t value = lead & (0x7fU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80) return {};
        value = value << 6U | (byte(i) & 0x3fU);
    }
    const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
    if (overlong || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff) return {};
    return {value, length, true};
}

// What must not reach a terminal or a line-based reader as it is. All of them lie below U+10000.
bool is_unprintable(std::uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void append_unicode_escape(std::string& out, std::uint32_t code_point) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kHex[code_point >> static_cast<unsigned>(shift) & 0xfU];
}

std::string_view cut(std::string_view value) {
    if (value.size() <= kMaxLogValueBytes) return value;
    std::size_t end = kMaxLogValueBytes;
    for (int i = 0; i < 3 && (static_cast<unsigned char>(value[end]) & 0xc0U) == 0x80; ++i) --end;
    return value.substr(0, end);
}

enum class Quotes { none, around };

void append_text_escaped(std::string& out, std::string_view text, Quotes quotes) {
    while (!text.empty()) {
        const auto c = first_character(text);
        if (!c.valid) {
            const auto byte = static_cast<unsigned char>(text[0]);
            out += "\\x";
            out += kHex[byte >> 4U];
            out += kHex[byte & 0xfU];
        } else if (c.code_point == '\n') {
            out += "\\n";
        } else if (c.code_point == '\r') {
            out += "\\r";
        } else if (c.code_point == '\t') {
            out += "\\t";
        } else if (is_unprintable(c.code_point)) {
            append_unicode_escape(out, c.code_point);
        } else {
            if (quotes == Quotes::around && (c.code_point == '"' || c.code_point == '\\')) out += '\\';
            out.append(text.substr(0, c.length));
        }
        text.remove_prefix(c.length);
    }
}

bool is_plain(std::string_view value) {
    return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
    });
}

}  // namespace

void append_json_string(std::string& out, std::string_view value) {
    auto rest = cut(value);
    const bool was_cut = rest.size() < value.size();
    out += '"';
    while (!rest.empty()) {
        const auto c = first_character(rest);
        if (!c.valid) {
            out += "\\ufffd";
        } else if (is_unprintable(c.code_point)) {
            append_unicode_escape(out, c.code_point);
        } else {
            if (c.code_point == '"' || c.code_point == '\\') out += '\\';
            out.append(rest.substr(0, c.length));
        }
        rest.remove_prefix(c.length);
    }
    if (was_cut) out += "...";
    out += '"';
}

void append_text_value(std::string& out, std::string_view value) {
    const auto shown = cut(value);
    const char* end = shown.size() < value.size() ? "..." : "";
    if (is_plain(shown)) {
        out.append(shown).append(end);
        return;
    }
    out += '"';
    append_text_escaped(out, shown, Quotes::around);
    out.append(end) += '"';
}

void append_text_message(std::string& out, std::string_view message) {
    append_text_escaped(out, message, Quotes::none);
}

std::string redact_target(std::string_view target) {
    if (!target.starts_with('/')) return "***";
    const auto end = target.find_first_of("?;");
    if (end == std::string_view::npos) return std::string(target);
    return std::string(target.substr(0, end + 1)) + "***";
}

}  // namespace trunkline::proxy
