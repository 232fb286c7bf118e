#pragma once

#include <optional>

#include "trunkline/protocol/service/views.hpp"

// Messages about one connection, named by its id.

namespace trunkline::protocol {

/// Service to app: a client arrived.
struct OpenConnection {
    static constexpr std::uint32_t kType = 4;
    Bytes connection_id{};
    StringMap claims{};  ///< a claim may stand there more than once
    HeaderMap headers{};
    std::optional<Bytes> query{};  ///< with its leading `?`
    std::optional<std::uint64_t> tracing_id{};
    std::optional<Bytes> protocol{};  ///< the SignalR protocol of the client
};

/// Both ways.
struct CloseConnection {
    static constexpr std::uint32_t kType = 5;
    Bytes connection_id{};
    std::optional<Bytes> error{};
    HeaderMap headers{};
    std::optional<std::uint64_t> tracing_id{};
};

enum class DataMessageType : std::int32_t { unknown = 0, handshake = 1, invocation = 2, other = 3, close = 4 };

/// Both ways: bytes of one connection.
struct ConnectionData {
    static constexpr std::uint32_t kType = 6;
    Bytes connection_id{};
    Bytes payload{};
    std::optional<std::uint64_t> tracing_id{};
    std::optional<DataMessageType> data_type{};
    std::optional<bool> is_partial{};  ///< more of the same hub message follows
};

/// Service to app: the client came back within its window.
struct ConnectionReconnect {
    static constexpr std::uint32_t kType = 38;
    Bytes connection_id{};
};

/// Both ways: moves a connection between two links of one app server. Its numbers are written as int32, as the known
/// encoder does.
struct ConnectionFlowControl {
    static constexpr std::uint32_t kType = 39;
    Bytes connection_id{};
    std::int32_t connection_type = 0;  ///< 1 client, 2 server
    std::int32_t operation = 0;        ///< 1 pause, 2 pause acknowledged, 3 resume, 4 offline
};

}  // namespace trunkline::protocol
