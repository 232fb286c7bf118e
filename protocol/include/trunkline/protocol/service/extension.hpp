#pragma once

#include <optional>

#include "trunkline/protocol/ids.hpp"
#include "trunkline/protocol/service/views.hpp"

// The native frames: types 100-119 between a trunkline proxy and an app server on the SDK (SPEC.md "Native frames").
// All are structs of views: what they show belongs to the caller (to encode) or to the frame's body (decoded).
// `Proxy to app` and the like say who may send it. Of numbers that stand for something, unknown ones are kept as they
// came, because a newer peer may know them.

namespace trunkline::protocol {

/// Proxy to app, unsequenced: binds the link to a lane. `attempt` 0 creates the lane, later ones resume it.
struct Attach {
    static constexpr std::uint32_t kType = 100;
    PoolId pool{};
    std::uint32_t lane = 0;
    std::uint32_t lanes = 0;
    std::uint32_t attempt = 0;
    std::uint64_t received = 0;  ///< offset up to which the sender of this frame has taken whole frames
    std::uint64_t limit = 0;     ///< offset below which a frame of the peer may begin
};

enum class AttachStatus : std::uint32_t { ok = 0, unknown_pool = 1, bad_offset = 2, refused = 3 };

/// App to proxy, unsequenced: the answer to Attach. `mac` is empty where links need no key.
struct Attached {
    static constexpr std::uint32_t kType = 101;
    AttachStatus status = AttachStatus::ok;
    std::uint64_t received = 0;
    std::uint64_t limit = 0;
    Bytes mac{};
};

/// Both ways, unsequenced. `stamp`: from the app its clock in milliseconds; from the proxy the newest stamp it heard on
/// this lane.
struct Ack {
    static constexpr std::uint32_t kType = 102;
    std::uint64_t handled = 0;
    std::uint64_t limit = 0;
    std::uint64_t stamp = 0;
};

enum class ByeCode : std::uint32_t {
    stopping = 0,
    link_lost = 1,
    bad_frame = 2,
    bad_offset = 3,
    stalled = 4,
    refused = 5
};

/// Both ways, unsequenced: the pool ends. `text` is for the log.
struct Bye {
    static constexpr std::uint32_t kType = 103;
    ByeCode code = ByeCode::stopping;
    Bytes text{};
};

/// Both ways: one whole message of a connection.
struct Data {
    static constexpr std::uint32_t kType = 110;
    Chan chan{};
    PayloadKind kind = PayloadKind::text;
    Bytes payload{};
    bool redelivered = false;  ///< another app server may have handled it before
};

enum class OpenReason : std::uint8_t { fresh = 0, resumed = 1, migrated = 2, client_resumed = 3 };

/// Proxy to app: a connection begins at this app server.
struct Open {
    static constexpr std::uint32_t kType = 111;
    Chan chan{};
    std::uint64_t attachment = 0;
    OpenReason why = OpenReason::fresh;
    std::uint8_t key = 0;  ///< home lane = key mod lanes
    Bytes connection_id{};
    StringMap claims{};  ///< a claim may stand there more than once
    HeaderMap headers{};
    Bytes query{};  ///< what followed the `?` of the request target, without it
    StringList groups{};
    Bytes client_protocol{};  ///< empty for a raw WebSocket client, else the SignalR protocol
    Bytes peer_address{};
    Bytes path{};
    bool ask = false;  ///< the client's upgrade waits for an Accept or a Close
    std::optional<Bytes> user{};
    Bytes subprotocol{};  ///< the one the proxy chose; empty for none
    StringMap path_parameters{};
    Bytes host{};
};

/// App to proxy: takes a connection, at most once and before any other frame of its chan.
struct Accept {
    static constexpr std::uint32_t kType = 112;
    Chan chan{};
    std::optional<Bytes> user{};
    StringList groups{};
    std::optional<Bytes> subprotocol{};
};

enum class CloseBy : std::uint8_t { client = 0, proxy = 1, app = 2 };

/// Both ways: a connection has ended. Not answered. `code` is a close code (RFC 6455 §7.4), or before Accept an HTTP
/// status.
struct Close {
    static constexpr std::uint32_t kType = 113;
    Chan chan{};
    std::uint16_t code = 0;
    Bytes reason{};
    CloseBy by = CloseBy::client;
};

/// Proxy to app: the last frame of this attachment; asks for Detached.
struct Detach {
    static constexpr std::uint32_t kType = 114;
    Chan chan{};
};

/// App to proxy: the last frame of this attachment.
struct Detached {
    static constexpr std::uint32_t kType = 115;
    Chan chan{};
};

/// App to proxy: stop, or go on, reading this client. A state, not a counter.
struct Pause {
    static constexpr std::uint32_t kType = 116;
    Chan chan{};
    bool on = false;
};

/// Proxy to app: this client's outbox is over a quarter of its limit, or below an eighth again. A state.
struct Backlog {
    static constexpr std::uint32_t kType = 117;
    Chan chan{};
    bool on = false;
};

/// Both ways. Mode 0 announces (app: give me no new connections; proxy: my clients are leaving), 1 is the proxy's
/// answer to the app's.
struct Drain {
    static constexpr std::uint32_t kType = 118;
    std::uint32_t mode = 0;
};

/// Both ways: the barrier of a resize.
struct Mark {
    static constexpr std::uint32_t kType = 119;
    std::uint32_t version = 0;
    std::uint32_t lanes = 0;
};

}  // namespace trunkline::protocol
