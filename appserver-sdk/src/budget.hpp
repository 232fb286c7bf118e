#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "trunkline/protocol/ids.hpp"

namespace trunkline {

/// What one lane has room for, as every thread may see it. Other threads add what they reserve, under the mutex of
/// `Outgoing`; the loop adds what it appends and takes away what the proxy has handled.
struct LaneBudget {
    std::atomic<std::uint64_t> used_bytes{0};     ///< in the ring, or reserved for a call that is under way to it
    std::atomic<std::uint32_t> open_requests{0};  ///< acknowledged requests that this lane has not answered
    std::atomic<bool> owes{false};                ///< control frames wait for room: nothing is appended before them
};

/// The same for all lanes of a pool, with what a sender must know of the proxy. Shared by the pool and its connections;
/// it outlives the pool.
struct PoolBudget {
    PoolBudget(protocol::Epoch proxy_epoch, std::size_t max_frame_bytes, std::uint32_t lane_count,
               std::uint32_t most_lanes)
        : proxy(proxy_epoch), max_frame(max_frame_bytes), lane(new LaneBudget[most_lanes]), lanes_(lane_count) {}

    /// The number of lanes that decides the home lanes of what is sent.
    std::uint32_t lanes() const noexcept { return lanes_.load(std::memory_order_relaxed); }
    /// The loop, under the mutex of `Outgoing`.
    void set_lanes(std::uint32_t lanes) noexcept { lanes_.store(lanes, std::memory_order_relaxed); }
    /// The lane on which a connection with this key sends.
    std::uint32_t home_of(std::uint8_t key) const noexcept { return key % lanes(); }

    const protocol::Epoch proxy;
    const std::size_t max_frame;
    const std::unique_ptr<LaneBudget[]> lane;  ///< as many as the pool may ever have

  private:
    std::atomic<std::uint32_t> lanes_;
};

}  // namespace trunkline
