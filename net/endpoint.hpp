#pragma once

#include <sys/socket.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "trunkline/protocol/bytes.hpp"

namespace trunkline::net {

/// Where a link or client connection begins or ends, as people write it: `tcp://host:port`, `tcp://[::1]:7000`,
/// `unix:///absolute/path`. With a numeric host, or a path, it is an address that can be dialled; a name has to be
/// resolved first (resolve.hpp), which gives endpoints with numeric hosts.
struct Endpoint {
    enum class Kind : std::uint8_t { tcp, unix_socket };

    static constexpr std::size_t kMaxPathBytes = 107;  ///< what a sockaddr_un holds, with its final zero

    Kind kind = Kind::tcp;
    std::string host;        ///< tcp: a name or an address, IPv6 without brackets
    std::uint16_t port = 0;  ///< tcp
    std::string path;        ///< unix_socket: absolute

    static Endpoint tcp(std::string host, std::uint16_t port);
    static Endpoint unix_socket(std::string path);

    /// `invalid_argument` if `text` is none of the forms above (the port is 0 to 65535 in decimal digits),
    /// `filename_too_long` if the path is.
    static protocol::Result<Endpoint> parse(std::string_view text);

    /// What `parse` reads back.
    std::string to_string() const;

    /// Whether it can be dialled or bound as it is.
    bool is_numeric() const;

    /// Whether nothing but this machine can be at the other end: a Unix socket, 127.0.0.0/8, ::1 or `localhost`.
    bool is_local() const;

    auto operator<=>(const Endpoint&) const = default;
};

/// A numeric endpoint in the kernel's form.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    /// Nothing if the endpoint is not numeric.
    static std::optional<SocketAddress> of(const Endpoint& endpoint);
    /// A Unix socket without a path, as clients have, gives an empty one; an IPv4 address that came through an IPv6
    /// socket is shown as IPv4.
    Endpoint to_endpoint() const;

    int family() const noexcept { return storage.ss_family; }
    sockaddr* data() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
    const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

}  // namespace trunkline::net
