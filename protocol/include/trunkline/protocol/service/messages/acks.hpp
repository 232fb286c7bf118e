#pragma once

#include <optional>

#include "trunkline/protocol/service/views.hpp"

// Questions and orders that are answered with a RequestAck, and that answer. Membership with acks is in groups.hpp.

namespace trunkline::protocol {

enum class AckStatus : std::int32_t { ok = 1, not_found = 2, timeout = 3, internal_error = 4, forbidden = 5 };

/// Service to app: the answer to a request with this `ack_id` (type 20, not the lane's Ack).
struct RequestAck {
    static constexpr std::uint32_t kType = 20;
    std::int32_t ack_id = 0;
    AckStatus status = AckStatus::ok;
    std::optional<Bytes> message{};
    std::optional<Bytes> payload{};
};

struct CheckUserInGroupWithAck {
    static constexpr std::uint32_t kType = 21;
    Bytes user_id{};
    Bytes group{};
    std::int32_t ack_id = 0;
    std::optional<std::uint64_t> tracing_id{};
};

struct CheckGroupExistenceWithAck {
    static constexpr std::uint32_t kType = 23;
    Bytes group{};
    std::int32_t ack_id = 0;
    std::optional<std::uint64_t> tracing_id{};
};

struct CheckConnectionExistenceWithAck {
    static constexpr std::uint32_t kType = 24;
    Bytes connection_id{};
    std::int32_t ack_id = 0;
    std::optional<std::uint64_t> tracing_id{};
};

struct CheckUserExistenceWithAck {
    static constexpr std::uint32_t kType = 25;
    Bytes user_id{};
    std::int32_t ack_id = 0;
    std::optional<std::uint64_t> tracing_id{};
};

/// Obsolete; native peers never send it.
struct CloseConnectionWithAck {
    static constexpr std::uint32_t kType = 30;
    Bytes connection_id{};
    std::optional<Bytes> reason{};
    std::int32_t ack_id = 0;
    std::optional<std::uint64_t> tracing_id{};
};

/// Obsolete; native peers never send it.
struct CloseConnectionsWithAck {
    static constexpr std::uint32_t kType = 31;
    std::optional<Bytes> reason{};
    std::int32_t ack_id = 0;
    StringList excluded_connection_ids{};
    std::optional<std::uint64_t> tracing_id{};
};

struct CloseUserConnectionsWithAck {
    static constexpr std::uint32_t kType = 32;
    Bytes user_id{};
    std::optional<Bytes> reason{};
    std::int32_t ack_id = 0;
    StringList excluded_connection_ids{};
    std::optional<std::uint64_t> tracing_id{};
};

struct CloseGroupConnectionsWithAck {
    static constexpr std::uint32_t kType = 33;
    Bytes group{};
    std::optional<Bytes> reason{};
    std::int32_t ack_id = 0;
    StringList excluded_connection_ids{};
    std::optional<std::uint64_t> tracing_id{};
};

}  // namespace trunkline::protocol
