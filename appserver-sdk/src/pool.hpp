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
#include "net/clock.hpp"
#include "net/turn.hpp"
#include "trunkline/protocol/lane/lane.hpp"
#include "trunkline/protocol/service/extension.hpp"

namespace trunkline {

class Core;
class IncomingLink;
class Pool;
class ProxyPeer;

/// One lane of a pool with what the SDK keeps beside it.
struct LaneSlot {
    LaneSlot(Pool& its_pool, std::uint32_t its_index, LaneBudget& its_budget, const protocol::LaneSettings& settings)
        : pool(its_pool), index(its_index), budget(its_budget), lane(protocol::Lane::Side::app, settings) {}

    Pool& pool;
    const std::uint32_t index;
    LaneBudget& budget;
    protocol::Lane lane;
    IncomingLink* link = nullptr;                               ///< set from Attach on; null before
    std::uint64_t released = 0;                                 ///< peer_handled() as last taken off the budget
    std::uint64_t highest_opened = 0;                           ///< chan
    std::optional<net::Clock::time_point> full_since;           ///< or the last acknowledgement while full
    std::deque<std::string> owed;                               ///< control frames beyond the reserve, in order
    std::vector<std::shared_ptr<ConnectionState>> owed_pauses;  ///< whose Pause waits behind those, each once
    std::vector<std::shared_ptr<ConnectionState>> waiting;      ///< for room: to call back, or to go on unparking
};

/// The lanes between one worker of a proxy and this app server. It is up when all its lanes are attached, and ends
/// whole: by a lost link, a Bye, a bad frame, a stall, a newer pool of the same worker, or the end of the app server.
/// Owned by its ProxyPeer; after its end by the loop, until the turn is over. Used on the loop.
class Pool final : public net::TurnHook {
  public:
    Pool(Core& core, ProxyPeer& peer, const protocol::PoolId& id, std::uint32_t worker, std::uint32_t lanes,
         std::size_t max_frame);

    const protocol::PoolId& id() const noexcept { return id_; }
    std::uint32_t worker() const noexcept { return worker_; }
    ProxyPeer& peer() const noexcept { return peer_; }
    std::vector<std::unique_ptr<LaneSlot>>& lanes() noexcept { return lanes_; }
    const std::shared_ptr<PoolBudget>& budget() const noexcept { return budget_; }
    ConnectionTable& connections() noexcept { return connections_; }

    bool is_up() const noexcept { return is_up_; }
    bool has_ended() const noexcept { return has_ended_; }
    std::size_t attached() const noexcept;

    /// A link has attached a lane; the last one makes the pool up.
    void on_attached(LaneSlot& slot);
    /// Bytes of the link of this lane.
    void on_chunk(LaneSlot& slot, std::string_view chunk);
    /// Offers the frames that wait once more, if there is room for what they cause.
    void go_on(LaneSlot& slot);

    /// Appends a frame whose bytes are in the budget already.
    void append(LaneSlot& slot, std::string_view frame);
    /// Appends a control frame; beyond the reserve it is owed, and written before anything else when there is room.
    void append_control(LaneSlot& slot, std::string_view frame);
    /// Tells the proxy whether the connection is paused: now, or once, as it is then, when there is room.
    void append_pause(LaneSlot& slot, const std::shared_ptr<ConnectionState>& state);

    /// Ends it at the proxy (a Bye on each link) and here. Nothing happens if it has ended.
    void end(protocol::ByeCode code, std::string_view why);

    /// Whether everything that was sent has been handled by the proxy.
    bool is_flushed() const noexcept;

  private:
    void on_turn_end() override {}
    void on_progress(LaneSlot& slot);
    bool append_if_reserve(LaneSlot& slot, std::string_view frame);
    void pay(LaneSlot& slot);

    Core& core_;
    ProxyPeer& peer_;
    const protocol::PoolId id_;
    const std::uint32_t worker_;
    const std::shared_ptr<PoolBudget> budget_;
    std::vector<std::unique_ptr<LaneSlot>> lanes_;
    ConnectionTable connections_;
    bool is_up_ = false;
    bool has_ended_ = false;
};

}  // namespace trunkline
