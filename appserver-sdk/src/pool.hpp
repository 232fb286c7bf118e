#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "appserver-sdk/src/budget.hpp"
#include "appserver-sdk/src/chan_table.hpp"
#include "appserver-sdk/src/pool_lane.hpp"
#include "appserver-sdk/src/pool_life.hpp"
#include "net/clock.hpp"
#include "net/turn.hpp"
#include "trunkline/protocol/lane/mark_barrier.hpp"
#include "trunkline/protocol/service/extension.hpp"
#include "trunkline/protocol/service/handshake.hpp"

namespace trunkline {

class Core;
class ProxyPeer;

/// Of a pool. A key is 8 bits, so a further lane would be the home lane of no connection.
inline constexpr std::uint32_t kMaxLanes = 256;

/// How long callbacks may be called for a pool whose proxy does not answer.
std::chrono::milliseconds app_window_of(const protocol::Hello& proxy);

/// The lanes between one worker of a proxy and this app server. It is up when all its lanes are attached, and then
/// outlives its links. It ends with all its lanes: when its time without an answer is over, by a Bye, a bad frame, a
/// stall, a newer pool of the same worker, or the end of the app server.
/// Owned by its ProxyPeer; after its end by the loop, until the turn is over. Used on the loop.
class Pool final : public net::TurnHook {
  public:
    Pool(Core& core, ProxyPeer& peer, const protocol::Hello& proxy, const protocol::Attach& attach);

    const protocol::PoolId& id() const noexcept { return id_; }
    std::uint32_t worker() const noexcept { return worker_; }
    ProxyPeer& peer() const noexcept { return peer_; }
    /// All lanes, including those that are not yet, or not any more, the home lane of any connection.
    std::vector<std::unique_ptr<PoolLane>>& lanes() noexcept { return lanes_; }
    const std::shared_ptr<PoolBudget>& budget() const noexcept { return budget_; }
    ChanTable& connections() noexcept { return connections_; }
    const ChanTable& connections() const noexcept { return connections_; }

    bool is_up() const noexcept { return is_up_; }
    bool has_ended() const noexcept { return has_ended_; }
    /// How many lanes have a link.
    std::size_t attached() const noexcept;

    /// A link has attached a lane. With the last lane the pool is up. A lane that is attached again goes on with the
    /// frames that wait.
    void on_attached(PoolLane& lane);
    /// The link of a lane has ended by itself.
    void on_lost(PoolLane& lane, const boost::system::error_code& why);
    /// Whether callbacks may be called for its connections at this time (SPEC.md "Windows"). If not, the pool has
    /// ended.
    bool may_call_back(net::Clock::time_point now);
    /// Ends the pool if its time is over. True: a lane has no link, so look again soon.
    bool look(net::Clock::time_point now);
    /// Asks the proxy for a sign of life on all lanes that have a link.
    void probe();
    /// Whether any lane was answered for something sent at `since` or later.
    bool was_answered(net::Clock::time_point since) const;
    /// Bytes of the link of this lane.
    void on_chunk(PoolLane& lane, std::string_view chunk);
    /// Handles the frames that wait, if there is room for what they cause.
    void go_on(PoolLane& lane);
    void go_on();  ///< all lanes

    /// Appends a frame for which the budget was taken already.
    void append(PoolLane& lane, std::string_view frame);
    /// The same for a frame that may linger (Options::linger).
    void append_message(PoolLane& lane, std::string_view frame);
    /// Appends a control frame. If the reserve is full, the frame is owed: it is written first when there is room.
    void append_control(PoolLane& lane, std::string_view frame);
    /// Tells the proxy whether the connection is paused. If the reserve is full, that is told once when there is room,
    /// as it is then.
    void append_pause(PoolLane& lane, ConnectionState& connection);

    /// Ends it at the proxy (a Bye on each link) and here. Nothing happens if it has ended.
    void end(protocol::ByeCode code, std::string_view why);

    /// Tells the proxy that this app server drains. The proxy answers on each lane behind its last Open and Detach.
    void announce_drain();
    void on_drain_answered(PoolLane& lane) { lane.has_answered_drain = true; }
    bool has_answered_drain() const noexcept;
    /// Whether the proxy can move connections to another app server.
    bool migrates() const noexcept { return migrates_; }

    /// Whether everything that was sent has been handled by the proxy.
    bool is_flushed() const noexcept;

    // --- Resize (pool_resize.cpp) ---

    /// The lane that the proxy asks to attach, a new one if it makes the pool larger; null if there is no such lane.
    PoolLane* lane_for(const protocol::Attach& attach);
    /// The number of lanes that decides the home lanes of what comes, and which lanes wait.
    const protocol::MarkBarrier& barrier() const noexcept { return barrier_; }
    /// Whether the proxy may take nothing of this lane because our Mark has not come to it on another one.
    bool waits_for_marks(const PoolLane& lane) const noexcept;
    /// The proxy's Mark has come on a lane. The last one changes the number of lanes on this side too.
    protocol::Result<void> on_mark(PoolLane& lane, const protocol::Mark& mark);

  private:
    void on_turn_end() override {}
    /// Whether the life of the pool depends on this lane: connections have it as their home lane, or had it and not all
    /// of their frames were handled. Not a lane that is only attached yet.
    bool counts(const PoolLane& lane) const noexcept {
        return !lane.is_removed && (lane.index < barrier_.lanes() || lane.stream.handled() != 0);
    }
    void add_lane();
    void switch_lanes(const protocol::Mark& mark);
    void remove_if_done(PoolLane& lane);
    void on_progress(PoolLane& lane);
    void renew_life();
    void watch_if_full(PoolLane& lane);
    bool append_if_reserve(PoolLane& lane, std::string_view frame);
    void append_owed(PoolLane& lane);

    Core& core_;
    ProxyPeer& peer_;
    const protocol::PoolId id_;
    const std::uint32_t worker_;
    const bool resumes_;   // both sides announced it
    const bool migrates_;  // likewise
    const bool resizes_;   // likewise
    const std::shared_ptr<PoolBudget> budget_;
    const protocol::LaneSettings lane_settings_;
    std::vector<std::unique_ptr<PoolLane>> lanes_;
    protocol::MarkBarrier barrier_;
    ChanTable connections_;
    PoolLife life_;
    bool is_up_ = false;
    bool has_ended_ = false;
};

/// The home lane of a connection; null once the connection has left its pool.
inline PoolLane* home_lane(const ConnectionState& connection) {
    return connection.pool == nullptr ? nullptr : connection.pool->lanes()[connection.lane()].get();
}

}  // namespace trunkline
