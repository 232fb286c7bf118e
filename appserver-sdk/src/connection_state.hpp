#pragma once

#include <any>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appserver-sdk/src/budget.hpp"
#include "appserver-sdk/src/request_record.hpp"

#include <trunkline/connection.hpp>
#include <trunkline/message.hpp>

namespace trunkline {

class Core;
class Pool;

/// Where a connection is in its life, as callers see it. Only ever moves on.
enum class Phase : std::uint8_t {
    asking,  ///< its Answer was not given: messages are parked, nothing may be sent
    open,    ///< accepted
    ended,   ///< closed by either side, refused, or its pool is gone: calls answer `closed`
};

/// A message that waits for its connection to be accepted or resumed.
struct ParkedMessage {
    MessageKind kind;
    bool redelivered;
    std::string bytes;
};

/// What keeping a message of these bytes counts, in bytes: small ones are not free.
inline std::size_t cost_of(std::string_view bytes) noexcept { return bytes.size() + sizeof(ParkedMessage); }

/// What all handles of one connection share: one attachment of a client to this app server. Held by its pool while it
/// is open, and by every handle.
struct ConnectionState {
    ConnectionState(std::shared_ptr<Core> its_core, const protocol::Open& open, std::shared_ptr<PoolBudget> its_budget,
                    std::shared_ptr<const std::string> its_proxy)
        : core(std::move(its_core)),
          request(open),
          chan(open.chan),
          asks(open.ask),
          budget(std::move(its_budget)),
          key(open.key),
          proxy_id(std::move(its_proxy)) {}

    /// Its home lane, where it sends.
    std::uint32_t lane() const noexcept { return budget->home_of(key); }
    LaneBudget& lane_budget() const noexcept { return budget->lane[lane()]; }

    // Constant after construction.
    const std::shared_ptr<Core> core;
    const RequestRecord request;
    const protocol::Chan chan;
    const bool asks;  ///< the client's upgrade waits for the answer
    const std::shared_ptr<PoolBudget> budget;
    const std::uint8_t key;  ///< decides, modulo the lanes of its pool, which is its home
    const std::shared_ptr<const std::string> proxy_id;

    // Shared. The strings are written before their flag is, by whoever gives the Answer.
    std::atomic<Phase> phase{Phase::asking};
    std::atomic<bool> backlogged{false};  ///< the client does not keep up
    std::atomic<bool> has_accepted_names{false};
    std::string accepted_user;
    std::string accepted_subprotocol;
    std::atomic<bool> wants_pause{false};
    std::atomic<bool> pause_queued{false};  ///< a call that looks at wants_pause is under way to the loop

    // Changed on the loop.
    Pool* pool = nullptr;  ///< null once this connection has left it
    bool is_paused = false;
    bool is_answered = false;     ///< the loop knows that it was accepted
    bool is_told = false;         ///< on_disconnect was called, or is about to be
    bool leaves = false;          ///< its proxy asked for it: it goes to another app server
    bool owes_pause = false;      ///< in its lane's list of Pauses that wait for room
    bool waits_for_room = false;  ///< in its lane's list of connections with something to unpark
    std::deque<ParkedMessage> parked;
    std::size_t parked_bytes = 0;
    std::optional<Disconnect> parked_end;  ///< the client left behind the parked messages
    std::vector<WritableCallback> writable_waiters;
    std::any data;
};

}  // namespace trunkline
