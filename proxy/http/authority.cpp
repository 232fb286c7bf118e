#include "proxy/http/authority.hpp"

#include "trunkline/protocol/ascii.hpp"

#include <charconv>

namespace trunkline::proxy {
namespace {

constexpr std::size_t kMaxHostLength = 255;

bool is_name(std::string_view text) {
    for (const char c : text) {
        if (!protocol::is_alphanumeric(c) && c != '-' && c != '.' && c != '_' && c != '~') return false;
    }
    return !text.empty();
}

/// The looks of an address inside brackets; whether it is one does not matter to a comparison of text.
bool is_bracketed_address(std::string_view text) {
    if (text.size() < 4 || text.front() != '[' || text.back() != ']') return false;
    for (const char c : text.substr(1, text.size() - 2)) {
        if (!protocol::is_hex_digit(c) && c != ':' && c != '.') return false;
    }
    return true;
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
    // A colon inside the brackets of an address separates nothing.
    const auto address_end = text.rfind(']');
    const auto colon = text.find(':', address_end == std::string_view::npos ? 0 : address_end);
    const auto host = text.substr(0, colon);
    if (host.size() > kMaxHostLength || (!is_name(host) && !is_bracketed_address(host))) return std::nullopt;

    Authority authority;
    if (colon != std::string_view::npos) {
        const auto digits = text.substr(colon + 1);
        std::uint16_t port = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
        if (digits.size() > 5 || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
        authority.port = port;
    }
    authority.host = protocol::to_lower(host);
    return authority;
}

}  // namespace trunkline::proxy
