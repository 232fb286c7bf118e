#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "net/clock.hpp"
#include "net/link/linked_lane.hpp"
#include "proxy/attachments/departed.hpp"
#include "trunkline/protocol/ids.hpp"

namespace trunkline::proxy {

class LanePool;
class Session;

/// One lane of a pool, as sessions see it: where they send, and where they wait when it is full. Owned by its pool.
class PoolLane {
  public:
    PoolLane(LanePool& pool, unsigned its_index, const protocol::LaneSettings& settings)
        : index(its_index),
          linked(protocol::Lane::Side::proxy, settings),
          pool_(pool),
          ring_bytes_(settings.ring_bytes) {}

    /// Whether clients of this lane are not read at the moment. It begins when the ring is full and lasts until half of
    /// it is free again.
    bool is_blocked() noexcept {
        if (!blocked_ && !linked.lane.has_room()) blocked_ = true;
        return blocked_;
    }
    std::uint64_t room() const noexcept { return linked.lane.room(); }

    /// A client's message. The session has looked at `is_blocked` before it read.
    void send_data(protocol::Chan chan, protocol::PayloadKind kind, protocol::Bytes payload);
    /// The longest payload of a client's message that this app server takes.
    std::size_t max_payload() const noexcept;
    /// A small frame that must not wait for the ring. False: not even the reserve has room; then `wait`.
    [[nodiscard]] bool send_control(protocol::Bytes frame);
    /// The answer to a request of the app server, for which a part of the reserve is kept. False: the app server has
    /// more requests open than it may.
    [[nodiscard]] bool send_answer(protocol::Bytes frame);

    /// Calls `session.on_lane_room()` once, when this lane is not blocked any more. Not for one that waits already.
    void wait(Session& session);
    void stop_waiting(Session& session);

    /// Calls `session.on_acknowledged()` once, when the app server has acknowledged something.
    void wait_for_ack(Session& session) { awaiting_ack_.push_back(&session); }
    void stop_waiting_for_ack(Session& session) { std::erase(awaiting_ack_, &session); }

    /// The connection on this chan has ended here; frames that still come for it are late.
    void forget(protocol::Chan chan);
    /// Keeps what it takes to open this connection again until the app server has handled its Close, the last that was
    /// sent: if it is lost before, another one handles the rest.
    void keep(Departed&& departed);
    /// Those whose Close the app server has not handled.
    std::vector<Departed> take_departed();

    /// To be called when the peer may have acknowledged something.
    void wake_waiting();

    LanePool& pool() const noexcept { return pool_; }

    /// The pool is resized or has ended: nobody waits here any more.
    void forget_waiting() noexcept;

    const unsigned index;
    net::LinkedLane linked;
    std::uint32_t attempts = 0;  ///< to attach it
    bool was_attached = false;   ///< once
    bool has_fallen = false;     ///< away, when the pool became smaller
    std::uint64_t mark_end = 0;  ///< the offset behind our newest Mark
    net::Clock::time_point attached_since{};

  private:
    void forget_handled();

    LanePool& pool_;
    const std::uint64_t ring_bytes_;
    bool blocked_ = false;
    std::vector<Session*> waiting_;
    std::vector<Session*> awaiting_ack_;
    std::deque<Departed> departed_;  // by the offset of their Close
};

}  // namespace trunkline::proxy
