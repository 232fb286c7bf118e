#pragma once

#include <any>
#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "appserver-sdk/src/budget.hpp"
#include "appserver-sdk/src/parked_messages.hpp"
#include "appserver-sdk/src/request_record.hpp"

#include <trunkline/connection.hpp>
#include <trunkline/message.hpp>

namespace trunkline {

class Core;
class Pool;

/// Where a connection is in its life, as callers see it. It only moves forward.
enum class Phase : std::uint8_t {
    asking,  ///< its Answer was not given: messages are parked, nothing may be sent
    open,    ///< accepted
    ended,   ///< closed by either side, refused, or its pool is gone: calls answer `closed`
};

/// Takes its connection out of the list when the connection goes away.
using ConnectionHook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

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

    /// The index of its home lane, on which it sends.
    std::uint32_t lane() const noexcept { return budget->home_of(key); }
    LaneBudget& lane_budget() const noexcept { return budget->lane[lane()]; }

    // Constant after construction.
    const std::shared_ptr<Core> core;
    const RequestRecord request;
    const protocol::Chan chan;
    const bool asks;  ///< the client's upgrade waits for the answer
    const std::shared_ptr<PoolBudget> budget;
    const std::uint8_t key;  ///< modulo the number of lanes, it is the index of the home lane
    const std::shared_ptr<const std::string> proxy_id;

    // Shared. Whoever gives the Answer writes the strings first and then sets has_accepted_names.
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
    bool is_answered = false;   ///< the loop knows that it was accepted
    bool is_told = false;       ///< on_disconnect was called
    bool is_detaching = false;  ///< its proxy moves it to another app server
    ConnectionHook room_hook;   ///< linked: waits for room on its lane
    ConnectionHook pause_hook;  ///< linked: its Pause waits for room on its lane
    ParkedMessages parked;
    std::optional<Disconnect> parked_end;  ///< the client has left; the app hears of it after the parked messages
    std::vector<WritableCallback> writable_waiters;
    std::any data;
};

/// What phase a connection must be in to be sent to.
inline std::error_code sendable(const ConnectionState& state) noexcept {
    switch (state.phase.load(std::memory_order_acquire)) {
        case Phase::asking: return errc::not_accepted;
        case Phase::open: return {};
        case Phase::ended: break;
    }
    return errc::closed;
}

/// Moves a connection from asking to open: already_answered, or closed.
inline std::error_code open_phase(ConnectionState& state) noexcept {
    auto expected = Phase::asking;
    if (state.phase.compare_exchange_strong(expected, Phase::open, std::memory_order_acq_rel)) return {};
    return expected == Phase::open ? errc::already_answered : errc::closed;
}

using WaitingForRoom =
    boost::intrusive::list<ConnectionState,
                           boost::intrusive::member_hook<ConnectionState, ConnectionHook, &ConnectionState::room_hook>,
                           boost::intrusive::constant_time_size<false>>;
using OwedPauses =
    boost::intrusive::list<ConnectionState,
                           boost::intrusive::member_hook<ConnectionState, ConnectionHook, &ConnectionState::pause_hook>,
                           boost::intrusive::constant_time_size<false>>;

}  // namespace trunkline
