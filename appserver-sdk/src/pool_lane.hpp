#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "appserver-sdk/src/budget.hpp"
#include "appserver-sdk/src/connection_state.hpp"
#include "net/clock.hpp"
#include "trunkline/protocol/lane/lane.hpp"

namespace trunkline {

class IncomingLink;
class Pool;

/// Takes its lane out of the list when the lane goes away.
using LaneHook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// One lane of a pool: its stream of frames, and who waits for room on it. Owned by its pool.
struct PoolLane {
    PoolLane(Pool& its_pool, std::uint32_t its_index, LaneBudget& its_budget, const protocol::LaneSettings& settings)
        : pool(its_pool), index(its_index), budget(its_budget), stream(protocol::Lane::Side::app, settings) {}

    /// Puts the connection into `waiting`, if it is not there already.
    void wait(ConnectionState& connection) {
        if (!connection.room_hook.is_linked()) waiting.push_back(connection);
    }

    static constexpr std::uint64_t kMarkOwed = ~std::uint64_t{0};

    Pool& pool;
    const std::uint32_t index;
    LaneBudget& budget;
    protocol::Lane stream;
    IncomingLink* link = nullptr;          ///< set from Attach on; null while there is none
    std::optional<std::uint32_t> attempt;  ///< of the newest Attach
    std::uint64_t released = 0;            ///< stream.peer_handled() as last taken off the budget
    std::uint64_t highest_opened = 0;      ///< chan
    bool has_answered_drain = false;       ///< the proxy opens and detaches nothing more on this lane
    bool is_removed = false;               ///< the pool became smaller, and this lane is not used any more
    std::uint64_t mark_end = 0;            ///< the offset behind our newest Mark; kMarkOwed while that waits for room
    std::optional<net::Clock::time_point> full_since;  ///< or the last acknowledgement while full
    std::deque<std::string> owed;                      ///< control frames that found no room in the reserve, in order
    OwedPauses owed_pauses;                            ///< connections whose Pause waits until `owed` is empty
    WaitingForRoom waiting;                            ///< connections to go on with when there is room: Room
    LaneHook room_hook;                                ///< linked: Room is about to look at `waiting`
};

}  // namespace trunkline
