#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace trunkline::proxy {

// The characters and lists of HTTP (RFC 9110 §5.6), ASCII only and independent of any locale.

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c); }
constexpr bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

inline std::string to_lower(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) c = to_lower(c);
    return lower;
}

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (to_lower(a[i]) != to_lower(b[i])) return false;
    }
    return true;
}

constexpr bool starts_with_ignoring_case(std::string_view text, std::string_view start) {
    return text.size() >= start.size() && equal_ignoring_case(text.substr(0, start.size()), start);
}

/// A `token`: what header names, methods and sub-protocols are made of. Never empty.
constexpr bool is_token(std::string_view text) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    for (const char c : text) {
        if (!is_alphanumeric(c) && kMarks.find(c) == std::string_view::npos) return false;
    }
    return !text.empty();
}

constexpr std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// Calls `visit` with each non-empty element of a comma-separated list, trimmed, until one call returns false.
/// Returns whether none did. Linear, without quoted strings.
template <class Visit>
constexpr bool for_each_element(std::string_view list, Visit&& visit) {
    while (!list.empty()) {
        const auto comma = std::min(list.find(','), list.size());
        const auto element = trim(list.substr(0, comma));
        if (!element.empty() && !visit(element)) return false;
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return true;
}

}  // namespace trunkline::proxy
