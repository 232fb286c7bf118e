#pragma once

#include "trunkline/protocol/ascii.hpp"

#include <algorithm>
#include <string_view>

namespace trunkline::proxy {

// The characters and lists of HTTP (RFC 9110 §5.6), ASCII only and independent of any locale.

using protocol::equal_ignoring_case;
using protocol::is_alphanumeric;
using protocol::is_digit;
using protocol::is_hex_digit;
using protocol::is_token;
using protocol::to_lower;

constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

constexpr bool starts_with_ignoring_case(std::string_view text, std::string_view start) {
    return text.size() >= start.size() && equal_ignoring_case(text.substr(0, start.size()), start);
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
