#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.hpp"

namespace trunkline::config {

// Texts to values and back. Each takes any bytes and answers nullopt for what is not exactly of its form.

/// "0", "5", "65536": decimal digits only, no sign, no leading zero.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// "250ms", "30s", "5m", "1h": a number and a unit; never without a unit, because nobody would know which.
std::optional<milliseconds> parse_duration(std::string_view text);

/// The same to the microsecond, with the unit "us" too: for what may be shorter than a millisecond.
std::optional<microseconds> parse_short_duration(std::string_view text);

/// "4096", "512B", "64KiB", "1MiB", "2GiB": bytes. No "KB", which means two things.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

/// In the greatest unit that divides it: what the parsers above read as the same value.
std::string format_duration(milliseconds duration);
std::string format_short_duration(microseconds duration);
std::string format_bytes(std::uint64_t bytes);

struct HostPort {
    std::string host;  ///< lower case, IPv6 without brackets
    std::uint16_t port = 0;
};

/// "127.0.0.1:8080", "[::1]:0": a numeric address (`localhost` stands for 127.0.0.1) and a port from 0 to 65535.
std::optional<HostPort> parse_address(std::string_view text);

/// "tcp://host:port" or "unix:///absolute/path" (at most 107 bytes of path, what a socket address holds).
std::optional<AppServerSettings> parse_app_server(std::string_view text);

/// "example.com", "localhost", "10.0.0.1": a host name or an IPv4 address, in lower case already.
bool is_host_name(std::string_view text);
bool is_ipv4(std::string_view text);
bool is_ipv6(std::string_view text);

/// "example.com", "*.example.com": what a route's host may be; in lower case.
std::optional<std::string> parse_host_pattern(std::string_view text);

/// An origin as a browser sends it, scheme://host[:port], or "*" for any; in lower case.
std::optional<std::string> parse_origin(std::string_view text);

/// What names a proxy to others: 1 to 255 printable ASCII characters without spaces.
std::optional<std::string> parse_proxy_id(std::string_view text);

/// 1 to 64 letters, digits, _ and -: fit for a label and for a level of a key path.
bool is_plain_name(std::string_view text);

}  // namespace trunkline::config
