#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appserver-sdk/src/budget.hpp"
#include "appserver-sdk/src/connection_state.hpp"
#include "appserver-sdk/src/connection_table.hpp"
#include "appserver-sdk/src/pool_lease.hpp"
#include "net/clock.hpp"
#include "net/turn.hpp"
#include "trunkline/protocol/lane/lane.hpp"
#include "trunkline/protocol/lane/mark_barrier.hpp"
#include "trunkline/protocol/service/extension.hpp"
#include "trunkline/protocol/service/handshake.hpp"

namespace trunkline {

class Core;
class IncomingLink;
class Pool;
class ProxyPeer;

/// Of a pool. A key is 8 bits, so more could never be a home.
inline constexpr std::uint32_t kMaxLanes = 256;

/// How long callbacks may be called for a pool whose proxy does not answer.
std::chrono::milliseconds app_window_of(const protocol::Hello& proxy);

/// One lane of a pool with what the SDK keeps beside it.
struct LaneSlot {
    LaneSlot(Pool& its_pool, std::uint32_t its_index, LaneBudget& its_budget, const protocol::LaneSettings& settings)
        : pool(its_pool), index(its_index), budget(its_budget), lane(protocol::Lane::Side::app, settings) {}

    Pool& pool;
    const std::uint32_t index;
    LaneBudget& budget;
    protocol::Lane lane;
    IncomingLink* link = nullptr;                                  ///< set from Attach on; null while there is none
    std::optional<std::uint32_t> attempt;                          ///< of the newest Attach
    std::uint64_t released = 0;                                    ///< peer_handled() as last taken off the budget
    std::uint64_t highest_opened = 0;                              ///< chan
    bool has_answered_drain = false;                               ///< the proxy has said all it will
    bool has_fallen = false;                                       ///< away, when the pool became smaller
    static constexpr std::uint64_t kMarkOwed = ~std::uint64_t{0};  // while it waits for room
    std::uint64_t mark_end = 0;                                    ///< the offset behind our newest Mark; kMarkOwed
    std::optional<net::Clock::time_point> full_since;              ///< or the last acknowledgement while full
    std::deque<std::string> owed;                                  ///< control frames beyond the reserve, in order
    std::vector<std::shared_ptr<ConnectionState>> owed_pauses;     ///< whose Pause waits behind those, each once
    std::vector<std::shared_ptr<ConnectionState>> waiting;         ///< for room: to call back, or to go on unparking
};

/// The lanes between one worker of a proxy and this app server. It is up when all its lanes are attached, from then on
/// outlives its links, and ends whole: when its lease is over, by a Bye, a bad frame, a stall, a newer pool of the same
/// worker, or the end of the app server.
/// Owned by its ProxyPeer; after its end by the loop, until the turn is over. Used on the loop.
class Pool final : public net::TurnHook {
  public:
    Pool(Core& core, ProxyPeer& peer, const protocol::Hello& proxy, const protocol::Attach& attach);

    const protocol::PoolId& id() const noexcept { return id_; }
    std::uint32_t worker() const noexcept { return worker_; }
    ProxyPeer& peer() const noexcept { return peer_; }
    /// All that there are, also those that are not home to anybody yet, or not any more.
    std::vector<std::unique_ptr<LaneSlot>>& lanes() noexcept { return lanes_; }
    const std::shared_ptr<PoolBudget>& budget() const noexcept { return budget_; }
    ConnectionTable& connections() noexcept { return connections_; }

    bool is_up() const noexcept { return is_up_; }
    bool has_ended() const noexcept { return has_ended_; }
    std::size_t attached() const noexcept;

    /// A link has attached a lane; the last one makes the pool up. One that comes back goes on with what waits.
    void on_attached(LaneSlot& slot);
    /// The link of a lane has ended by itself.
    void on_lost(LaneSlot& slot, const boost::system::error_code& why);
    /// Whether its callbacks may be called at this time. If not, it has ended.
    bool holds_lease(net::Clock::time_point now);
    /// Looks at the clock; false if it has ended, or nothing needs to be looked at until a link is lost.
    bool look(net::Clock::time_point now);
    /// Asks the proxy for a sign of life on all lanes that have a link.
    void probe();
    /// Whether any lane was answered for something sent at `since` or later.
    bool was_answered(net::Clock::time_point since) const;
    /// Bytes of the link of this lane.
    void on_chunk(LaneSlot& slot, std::string_view chunk);
    /// Offers the frames that wait once more, if there is room for what they cause.
    void go_on(LaneSlot& slot);
    void go_on();  ///< all its lanes

    /// Appends a frame whose bytes are in the budget already.
    void append(LaneSlot& slot, std::string_view frame);
    /// The same for a frame that may linger (Options::linger).
    void append_message(LaneSlot& slot, std::string_view frame);
    /// Appends a control frame; beyond the reserve it is owed, and written before anything else when there is room.
    void append_control(LaneSlot& slot, std::string_view frame);
    /// Tells the proxy whether the connection is paused: now, or once, as it is then, when there is room.
    void append_pause(LaneSlot& slot, const std::shared_ptr<ConnectionState>& state);

    /// Ends it at the proxy (a Bye on each link) and here. Nothing happens if it has ended.
    void end(protocol::ByeCode code, std::string_view why);

    /// Tells the proxy that this app server drains; the proxy answers on each lane behind its last Open and Detach.
    void announce_drain();
    void on_drain_answered(LaneSlot& slot) { slot.has_answered_drain = true; }
    bool has_answered_drain() const noexcept;
    /// Whether the proxy may ask for a connection to leave.
    bool migrates() const noexcept { return migrates_; }

    /// Whether everything that was sent has been handled by the proxy.
    bool is_flushed() const noexcept;

    // --- Resize (pool_resize.cpp) ---

    /// The lane that the proxy asks to attach, a new one if it makes the pool larger; null if there is no such lane.
    LaneSlot* slot_for(const protocol::Attach& attach);
    /// By how many lanes home lanes are reckoned in what comes, and which lanes wait.
    const protocol::MarkBarrier& barrier() const noexcept { return barrier_; }
    /// Whether the proxy may take nothing of this lane because our Mark has not come to it on another one.
    bool waits_for_marks(const LaneSlot& slot) const noexcept;
    /// The proxy's Mark has come on a lane. With the last, all is as it says, here too.
    protocol::Result<void> on_mark(LaneSlot& slot, const protocol::Mark& mark);

  private:
    void on_turn_end() override {}
    /// Whether the lease hangs on this lane: it is a home, or has been one and is not through. Not one that is only
    /// attached yet.
    bool counts(const LaneSlot& slot) const noexcept {
        return !slot.has_fallen && (slot.index < barrier_.lanes() || slot.lane.handled() != 0);
    }
    void add_lane();
    void switch_lanes(const protocol::Mark& mark);
    void fall_away(LaneSlot& slot);
    void on_progress(LaneSlot& slot);
    void renew_lease();
    void watch_if_full(LaneSlot& slot);
    bool append_if_reserve(LaneSlot& slot, std::string_view frame);
    void pay(LaneSlot& slot);

    Core& core_;
    ProxyPeer& peer_;
    const protocol::PoolId id_;
    const std::uint32_t worker_;
    const bool resumes_;   // both sides announced it
    const bool migrates_;  // likewise
    const bool resizes_;   // likewise
    const std::shared_ptr<PoolBudget> budget_;
    const protocol::LaneSettings lane_settings_;
    std::vector<std::unique_ptr<LaneSlot>> lanes_;
    protocol::MarkBarrier barrier_;
    ConnectionTable connections_;
    PoolLease lease_;
    bool is_up_ = false;
    bool has_ended_ = false;
};

}  // namespace trunkline
