#include "config/units.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "trunkline/protocol/ascii.hpp"

namespace trunkline::config {

namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// Greatest first: the order in which a value is formatted.
constexpr std::array<Unit, 4> kDurations{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Unit, 5> kShortDurations{
    {{"h", 3'600'000'000}, {"m", 60'000'000}, {"s", 1'000'000}, {"ms", 1'000}, {"us", 1}}};
constexpr std::array<Unit, 4> kSizes{{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}};

constexpr std::size_t kMaxSocketPath = 107;

template <std::size_t N>
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const std::array<Unit, N>& units) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_number(text.substr(0, digits));
    if (!number) return std::nullopt;
    const std::string_view name = text.substr(digits);
    for (const Unit& unit : units) {
        if (unit.name != name) continue;
        // Half the range, so that it fits the signed milliseconds too.
        if (*number > std::numeric_limits<std::uint64_t>::max() / 2 / unit.factor) return std::nullopt;
        return *number * unit.factor;
    }
    return std::nullopt;
}

template <std::size_t N>
std::string format_with_unit(std::uint64_t value, const std::array<Unit, N>& units) {
    for (const Unit& unit : units) {
        if (value >= unit.factor && value % unit.factor == 0)
            return std::to_string(value / unit.factor) + std::string(unit.name);
    }
    return "0" + std::string(units.back().name);
}

/// "host:port" or "[v6]:port"; says nothing of the host but whether it was in brackets and hence is IPv6.
std::optional<HostPort> split_host_port(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = parse_number(text.substr(colon + 1));
    if (!port || *port > 65535) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (bracketed != is_ipv6(host)) return std::nullopt;
    return HostPort{protocol::to_lower(host), static_cast<std::uint16_t>(*port)};
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
    if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<milliseconds> parse_duration(std::string_view text) {
    const auto value = parse_with_unit(text, kDurations);
    if (!value) return std::nullopt;
    return milliseconds(static_cast<milliseconds::rep>(*value));
}

std::optional<microseconds> parse_short_duration(std::string_view text) {
    const auto value = parse_with_unit(text, kShortDurations);
    if (!value) return std::nullopt;
    return microseconds(static_cast<microseconds::rep>(*value));
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    if (const auto plain = parse_number(text)) return plain;
    return parse_with_unit(text, kSizes);
}

std::string format_duration(milliseconds duration) {
    return format_with_unit(static_cast<std::uint64_t>(duration.count()), kDurations);
}

std::string format_short_duration(microseconds duration) {
    return format_with_unit(static_cast<std::uint64_t>(duration.count()), kShortDurations);
}

std::string format_bytes(std::uint64_t bytes) { return format_with_unit(bytes, kSizes); }

std::optional<HostPort> parse_address(std::string_view text) {
    auto address = split_host_port(text);
    if (!address) return std::nullopt;
    if (address->host == "localhost") address->host = "127.0.0.1";
    if (!is_ipv4(address->host) && !is_ipv6(address->host)) return std::nullopt;
    return address;
}

std::optional<AppServerSettings> parse_app_server(std::string_view text) {
    constexpr std::string_view kTcp = "tcp://";
    constexpr std::string_view kUnix = "unix://";
    if (text.starts_with(kTcp)) {
        auto address = split_host_port(text.substr(kTcp.size()));
        if (!address || address->port == 0) return std::nullopt;
        if (!is_ipv6(address->host) && !is_host_name(address->host)) return std::nullopt;
        return AppServerSettings{AppServerSettings::Kind::tcp, std::move(address->host), address->port, {}};
    }
    if (text.starts_with(kUnix)) {
        const std::string_view path = text.substr(kUnix.size());
        const bool control = std::any_of(path.begin(), path.end(), [](char c) { return c >= 0 && c < 0x20; });
        if (path.size() < 2 || path.front() != '/' || path.size() > kMaxSocketPath || control) return std::nullopt;
        return AppServerSettings{AppServerSettings::Kind::unix_socket, {}, 0, std::string(path)};
    }
    return std::nullopt;
}

bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    std::string_view label;
    for (std::size_t begin = 0; begin <= text.size(); begin += label.size() + 1) {
        label = text.substr(begin, text.find('.', begin) - begin);
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
        // Service names of containers do have underscores.
        const auto allowed = [](char c) {
            return (protocol::is_alphanumeric(c) && !(c >= 'A' && c <= 'Z')) || c == '-' || c == '_';
        };
        if (!std::all_of(label.begin(), label.end(), allowed)) return false;
    }
    // No name ends in a number (RFC 3696, section 2): it is an IPv4 address or a slip, such as 10.0.0.
    const bool numeric = label.find_first_not_of("0123456789") == std::string_view::npos;
    return !numeric || is_ipv4(text);
}

bool is_ipv4(std::string_view text) {
    in_addr address{};
    return text.find('\0') == text.npos && inet_pton(AF_INET, std::string(text).c_str(), &address) == 1;
}

bool is_ipv6(std::string_view text) {
    in6_addr address{};
    return text.find('\0') == text.npos && inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

bool is_plain_name(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return protocol::is_alphanumeric(c) || c == '_' || c == '-';
    });
}

std::optional<std::string> parse_proxy_id(std::string_view text) {
    const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    return text.empty() || text.size() > 255 || !printable ? std::nullopt : std::optional(std::string(text));
}

std::optional<std::string> parse_host_pattern(std::string_view text) {
    std::string host = protocol::to_lower(text);
    const std::string_view name = host.starts_with("*.") ? std::string_view(host).substr(2) : std::string_view(host);
    return is_host_name(name) ? std::optional(host) : std::nullopt;
}

std::optional<std::string> parse_origin(std::string_view text) {
    std::string origin = protocol::to_lower(text);
    if (origin == "*") return origin;
    const std::size_t colon = origin.find("://");
    if (colon == std::string::npos || colon == 0 ||
        origin.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+-.") != colon)
        return std::nullopt;
    std::string_view host = std::string_view(origin).substr(colon + 3);
    const std::size_t port = host.rfind(':');
    if (port != std::string_view::npos && host.find(']', port) == std::string_view::npos) {
        const auto number = parse_number(host.substr(port + 1));
        if (!number || *number == 0 || *number > 65535) return std::nullopt;
        host = host.substr(0, port);
    }
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    const bool ok = bracketed ? is_ipv6(host.substr(1, host.size() - 2)) : is_host_name(host);
    return ok ? std::optional(origin) : std::nullopt;
}

}  // namespace trunkline::config
