#pragma once

#include <optional>

#include "trunkline/protocol/service/views.hpp"

// Messages about the link itself or the service behind it.

namespace trunkline::protocol {

/// The protocol version that both sides of a link state.
inline constexpr std::int32_t kServiceProtocolVersion = 1;

/// App to service, the first on a link.
struct HandshakeRequest {
    static constexpr std::uint32_t kType = 1;
    std::int32_t version = kServiceProtocolVersion;
    std::int32_t connection_type = 0;  ///< 0 default, 1 on demand, 2 weak (never give it clients)
    Bytes target{};
    std::int32_t migration_level = 0;  ///< 0 off, 1 on graceful shutdown, 2 any
    std::optional<Bytes> hello{};      ///< the encoded value of extension key 100, as it came (handshake.hpp)
    bool allow_stateful_reconnects = false;
};

/// Service to app: nil or "" means accepted.
struct HandshakeResponse {
    static constexpr std::uint32_t kType = 2;
    std::optional<Bytes> error{};
    std::optional<Bytes> hello{};  ///< the encoded value of extension key 100, as it came (handshake.hpp)
    std::optional<Bytes> connection_id{};
};

/// Both ways: keys and values in turn; none at all is a keep-alive.
struct Ping {
    static constexpr std::uint32_t kType = 3;
    StringList messages{};
};

/// Service to app: the link is unusable and about to be closed.
struct ServiceError {
    static constexpr std::uint32_t kType = 15;
    std::optional<Bytes> error{};
};

/// Service to app, for the log.
struct ServiceEvent {
    static constexpr std::uint32_t kType = 22;
    std::int32_t object_type = 0;  ///< 0 instance, 1 connection, 2 user, 3 group, 4 link
    std::optional<Bytes> object_id{};
    std::int32_t kind = 0;  ///< 0 reloading, 1 invalid id, 2 does not exist, 3 buffer full
    std::optional<Bytes> message{};
};

/// App to service, with Entra authentication only.
struct AccessKeyRequest {
    static constexpr std::uint32_t kType = 28;
    Bytes token{};
    std::optional<Bytes> kid{};
};

struct AccessKeyResponse {
    static constexpr std::uint32_t kType = 29;
    std::optional<Bytes> kid{};
    std::optional<Bytes> access_key{};
    std::optional<Bytes> error_type{};
    std::optional<Bytes> error_message{};
};

}  // namespace trunkline::protocol
