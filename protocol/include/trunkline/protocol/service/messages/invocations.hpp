#pragma once

#include <optional>

#include "trunkline/protocol/service/views.hpp"

// Calls that wait for a client's result (SignalR "client results"), between app servers by way of the service.

namespace trunkline::protocol {

struct ClientInvocation {
    static constexpr std::uint32_t kType = 34;
    Bytes invocation_id{};
    Bytes connection_id{};
    std::optional<Bytes> caller_server_id{};
    PayloadMap payloads{};
    std::optional<std::uint64_t> tracing_id{};
};

struct ClientCompletion {
    static constexpr std::uint32_t kType = 35;
    Bytes invocation_id{};
    Bytes connection_id{};
    std::optional<Bytes> caller_server_id{};
    std::optional<Bytes> protocol{};
    Bytes payload{};
    std::optional<std::uint64_t> tracing_id{};
    std::optional<Bytes> ext_protocol{};  ///< the known encoder repeats `protocol` in the extension map
};

struct ErrorCompletion {
    static constexpr std::uint32_t kType = 36;
    Bytes invocation_id{};
    Bytes connection_id{};
    std::optional<Bytes> caller_server_id{};
    std::optional<Bytes> error{};
    std::optional<std::uint64_t> tracing_id{};
};

/// Service to app: which instance holds the connection of an invocation.
struct ServiceMapping {
    static constexpr std::uint32_t kType = 37;
    Bytes invocation_id{};
    Bytes connection_id{};
    std::optional<Bytes> instance_id{};
};

}  // namespace trunkline::protocol
