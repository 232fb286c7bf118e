#include "proxy/log/log_text.hpp"

#include <algorithm>
#include <cstdint>

#include "trunkline/protocol/utf8.hpp"

namespace trunkline::proxy {
namespace {

constexpr char kHex[] = "0123456789abcdef";

using protocol::first_character;

// What must not reach a terminal or a line-based reader as it is. All of them lie below U+10000.
bool is_unprintable(std::uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void append_unicode_escape(std::string& out, std::uint32_t code_point) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kHex[code_point >> static_cast<unsigned>(shift) & 0xfU];
}

std::string_view cut(std::string_view value) { return protocol::utf8_prefix(value, kMaxLogValueBytes); }

enum class Quotes { none, around };

void append_text_escaped(std::string& out, std::string_view text, Quotes quotes) {
    while (!text.empty()) {
        const auto c = first_character(text);
        if (!c.is_valid) {
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
            out.append(text.substr(0, c.size));
        }
        text.remove_prefix(c.size);
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
        if (!c.is_valid) {
            out += "\\ufffd";
        } else if (is_unprintable(c.code_point)) {
            append_unicode_escape(out, c.code_point);
        } else {
            if (c.code_point == '"' || c.code_point == '\\') out += '\\';
            out.append(rest.substr(0, c.size));
        }
        rest.remove_prefix(c.size);
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
