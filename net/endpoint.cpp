#include "net/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/system/error_code.hpp>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "trunkline/protocol/loopback.hpp"

namespace trunkline::net {
namespace {

constexpr std::string_view kTcpScheme = "tcp://";
constexpr std::string_view kUnixScheme = "unix://";

static_assert(Endpoint::kMaxPathBytes + 1 == sizeof(sockaddr_un::sun_path));

auto invalid() { return boost::system::errc::make_error_code(boost::system::errc::invalid_argument); }

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
    return port;
}

std::optional<in_addr> parse_v4(const std::string& host) {
    in_addr address{};
    if (::inet_pton(AF_INET, host.c_str(), &address) != 1) return std::nullopt;
    return address;
}

std::optional<in6_addr> parse_v6(const std::string& host) {
    in6_addr address{};
    if (::inet_pton(AF_INET6, host.c_str(), &address) != 1) return std::nullopt;
    return address;
}

Endpoint from_v4(const in_addr& address, std::uint16_t port) {
    char text[INET_ADDRSTRLEN];
    return Endpoint::tcp(::inet_ntop(AF_INET, &address, text, sizeof text), port);
}

}  // namespace

Endpoint Endpoint::tcp(std::string host, std::uint16_t port) { return {Kind::tcp, std::move(host), port, {}}; }

Endpoint Endpoint::unix_socket(std::string path) { return {Kind::unix_socket, {}, 0, std::move(path)}; }

protocol::Result<Endpoint> Endpoint::parse(std::string_view text) {
    if (text.substr(0, kUnixScheme.size()) == kUnixScheme) {
        const auto path = text.substr(kUnixScheme.size());
        if (path.size() < 2 || path.front() != '/' || path.find('\0') != path.npos) return invalid();
        if (path.size() > kMaxPathBytes) {
            return boost::system::errc::make_error_code(boost::system::errc::filename_too_long);
        }
        return unix_socket(std::string(path));
    }
    if (text.substr(0, kTcpScheme.size()) != kTcpScheme) return invalid();
    text.remove_prefix(kTcpScheme.size());
    const auto colon = text.rfind(':');
    if (colon == text.npos) return invalid();
    const auto port = parse_port(text.substr(colon + 1));
    auto host = text.substr(0, colon);
    if (!port || host.empty()) return invalid();
    if (host.front() == '[') {
        if (host.back() != ']') return invalid();
        auto address = std::string(host.substr(1, host.size() - 2));
        if (!parse_v6(address)) return invalid();
        return tcp(std::move(address), *port);
    }
    if (host.size() > 253 || !std::all_of(host.begin(), host.end(), is_name_character)) return invalid();
    return tcp(std::string(host), *port);
}

std::string Endpoint::to_string() const {
    if (kind == Kind::unix_socket) return std::string(kUnixScheme) + path;
    const bool is_v6 = host.find(':') != host.npos;
    return std::string(kTcpScheme) + (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool Endpoint::is_numeric() const {
    return kind == Kind::unix_socket || parse_v4(host).has_value() || parse_v6(host).has_value();
}

bool Endpoint::is_local() const { return kind == Kind::unix_socket || protocol::is_loopback(host); }

std::optional<SocketAddress> SocketAddress::of(const Endpoint& endpoint) {
    SocketAddress address;
    const auto set = [&](const auto& value, std::size_t length) {
        std::memcpy(&address.storage, &value, length);
        address.length = static_cast<socklen_t>(length);
        return address;
    };
    if (endpoint.kind == Endpoint::Kind::unix_socket) {
        sockaddr_un value{};
        if (endpoint.path.size() > Endpoint::kMaxPathBytes) return std::nullopt;
        value.sun_family = AF_UNIX;
        std::memcpy(value.sun_path, endpoint.path.data(), endpoint.path.size());
        return set(value, offsetof(sockaddr_un, sun_path) + endpoint.path.size() + 1);
    }
    if (const auto v4 = parse_v4(endpoint.host)) {
        sockaddr_in value{};
        value.sin_family = AF_INET;
        value.sin_port = htons(endpoint.port);
        value.sin_addr = *v4;
        return set(value, sizeof value);
    }
    if (const auto v6 = parse_v6(endpoint.host)) {
        sockaddr_in6 value{};
        value.sin6_family = AF_INET6;
        value.sin6_port = htons(endpoint.port);
        value.sin6_addr = *v6;
        return set(value, sizeof value);
    }
    return std::nullopt;
}

Endpoint SocketAddress::to_endpoint() const {
    if (family() == AF_INET) {
        sockaddr_in value;
        std::memcpy(&value, &storage, sizeof value);
        return from_v4(value.sin_addr, ntohs(value.sin_port));
    }
    if (family() == AF_INET6) {
        sockaddr_in6 value;
        std::memcpy(&value, &storage, sizeof value);
        const auto port = ntohs(value.sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&value.sin6_addr)) {
            in_addr v4;
            std::memcpy(&v4, value.sin6_addr.s6_addr + 12, sizeof v4);
            return from_v4(v4, port);
        }
        char text[INET6_ADDRSTRLEN];
        return Endpoint::tcp(::inet_ntop(AF_INET6, &value.sin6_addr, text, sizeof text), port);
    }
    sockaddr_un value{};
    std::memcpy(&value, &storage, std::min<std::size_t>(length, sizeof value));
    return Endpoint::unix_socket(std::string(value.sun_path, ::strnlen(value.sun_path, sizeof value.sun_path)));
}

}  // namespace trunkline::net
