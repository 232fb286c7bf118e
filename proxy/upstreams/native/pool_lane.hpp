#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "net/clock.hpp"
#include "net/link/linked_lane.hpp"
#include "proxy/attachments/app_port.hpp"
#include "trunkline/protocol/ids.hpp"

namespace trunkline::proxy {

class LanePool;

/// One lane of a pool: the port of the connections that are at home there. Owned by its pool.
class PoolLane final : public AppPort {
  public:
    PoolLane(LanePool& pool, unsigned its_index, const protocol::LaneSettings& settings)
        : index(its_index),
          linked(protocol::Lane::Side::proxy, settings),
          pool_(pool),
          ring_bytes_(settings.ring_bytes) {}

    // --- AppPort ---

    protocol::Chan open(Attachment* attachment, protocol::Open& open, protocol::Buffer& frame) override;
    void data(protocol::Chan chan, protocol::PayloadKind kind, protocol::Bytes payload) override;
    void redeliver(protocol::Chan chan, protocol::PayloadKind kind, protocol::Bytes payload) override;
    bool try_close(protocol::Chan chan, const ConnectionEnd& end) override;
    bool try_detach(protocol::Chan chan) override;
    bool try_backlog(protocol::Chan chan, Backlog backlog) override;
    void close(protocol::Chan chan, const ConnectionEnd& end) override;
    void forget(protocol::Chan chan) override;
    void keep(Departed&& departed) override;
    std::uint64_t room() const noexcept override { return linked.lane.room(); }
    std::size_t max_payload() const noexcept override;
    std::uint64_t sent() const noexcept override { return linked.lane.appended(); }
    std::uint64_t handled() const noexcept override { return linked.lane.peer_handled(); }
    bool is_draining() const noexcept override;

    // --- For its pool ---

    /// The answer to a request of the app server, for which a part of the reserve is kept. False: the app server has
    /// more requests open than it may.
    [[nodiscard]] bool send_answer(protocol::Bytes frame);
    /// The clients that have left and whose Close the app server has not acknowledged.
    std::vector<Departed> take_departed();
    /// Wakes attachments that wait here. To be called when the app server may have acknowledged something.
    void wake_waiting();

    LanePool& pool() const noexcept { return pool_; }

    const unsigned index;
    net::LinkedLane linked;
    std::uint32_t attempts = 0;  ///< to attach it
    bool was_attached = false;   ///< once
    bool is_refused = false;     ///< by the app server, because the pool has become smaller
    std::uint64_t mark_end = 0;  ///< the offset behind our newest Mark
    net::Clock::time_point attached_since{};

  private:
    bool has_room() const noexcept override { return linked.lane.has_room(); }
    [[nodiscard]] bool send_control(protocol::Bytes frame);
    void forget_handled();

    LanePool& pool_;
    const std::uint64_t ring_bytes_;
    std::deque<Departed> departed_;  // by the offset of their Close
};

}  // namespace trunkline::proxy
