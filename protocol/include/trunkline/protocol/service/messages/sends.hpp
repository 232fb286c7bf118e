#pragma once

#include <optional>

#include "trunkline/protocol/service/views.hpp"

// App to service: one message for a set of clients. `filter` is kept as it came; no filter language is known here.

namespace trunkline::protocol {

struct MultiConnectionData {
    static constexpr std::uint32_t kType = 7;
    StringList connection_ids{};
    PayloadMap payloads{};
    std::optional<std::uint64_t> tracing_id{};
    std::optional<Bytes> filter{};
};

struct UserData {
    static constexpr std::uint32_t kType = 8;
    Bytes user_id{};
    PayloadMap payloads{};
    std::optional<std::uint64_t> tracing_id{};
    std::optional<Bytes> filter{};
};

struct MultiUserData {
    static constexpr std::uint32_t kType = 9;
    StringList user_ids{};
    PayloadMap payloads{};
    std::optional<std::uint64_t> tracing_id{};
    std::optional<Bytes> filter{};
};

struct BroadcastData {
    static constexpr std::uint32_t kType = 10;
    StringList excluded_connection_ids{};
    PayloadMap payloads{};
    std::optional<std::uint64_t> tracing_id{};
    std::optional<Bytes> filter{};
};

struct GroupBroadcastData {
    static constexpr std::uint32_t kType = 13;
    Bytes group{};
    StringList excluded_connection_ids{};
    PayloadMap payloads{};
    std::optional<std::uint64_t> tracing_id{};
    std::optional<Bytes> filter{};
    StringList excluded_user_ids{};
    std::optional<Bytes> caller_user_id{};
};

struct MultiGroupBroadcastData {
    static constexpr std::uint32_t kType = 14;
    StringList groups{};
    PayloadMap payloads{};
    std::optional<std::uint64_t> tracing_id{};
    std::optional<Bytes> filter{};
};

}  // namespace trunkline::protocol
