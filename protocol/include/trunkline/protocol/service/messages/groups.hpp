#pragma once

#include <optional>

#include "trunkline/protocol/service/views.hpp"

// App to service: membership. A group that is nil means: all groups. `ack_id` asks for a RequestAck.

namespace trunkline::protocol {

struct JoinGroup {
    static constexpr std::uint32_t kType = 11;
    Bytes connection_id{};
    Bytes group{};
    std::optional<std::uint64_t> tracing_id{};
};

struct LeaveGroup {
    static constexpr std::uint32_t kType = 12;
    Bytes connection_id{};
    std::optional<Bytes> group{};
    std::optional<std::uint64_t> tracing_id{};
};

struct UserJoinGroup {
    static constexpr std::uint32_t kType = 16;
    Bytes user_id{};
    Bytes group{};
    std::optional<std::uint64_t> tracing_id{};
    std::optional<std::int32_t> ttl_seconds{};
};

struct UserLeaveGroup {
    static constexpr std::uint32_t kType = 17;
    Bytes user_id{};
    std::optional<Bytes> group{};
    std::optional<std::uint64_t> tracing_id{};
};

struct JoinGroupWithAck {
    static constexpr std::uint32_t kType = 18;
    Bytes connection_id{};
    Bytes group{};
    std::int32_t ack_id = 0;
    std::optional<std::uint64_t> tracing_id{};
};

struct LeaveGroupWithAck {
    static constexpr std::uint32_t kType = 19;
    Bytes connection_id{};
    std::optional<Bytes> group{};
    std::int32_t ack_id = 0;
    std::optional<std::uint64_t> tracing_id{};
};

struct UserJoinGroupWithAck {
    static constexpr std::uint32_t kType = 26;
    Bytes user_id{};
    Bytes group{};
    std::int32_t ack_id = 0;
    std::optional<std::uint64_t> tracing_id{};
    std::optional<std::int32_t> ttl_seconds{};
};

struct UserLeaveGroupWithAck {
    static constexpr std::uint32_t kType = 27;
    Bytes user_id{};
    std::optional<Bytes> group{};
    std::int32_t ack_id = 0;
    std::optional<std::uint64_t> tracing_id{};
};

}  // namespace trunkline::protocol
