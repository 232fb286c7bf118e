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
    std::atomic<bool> owes{false};                ///< control frames wait for room, nothing may pass them
};

/// The same of a pool, with what a sender must know of its proxy. Shared by the pool and its connections; it outlives
/// the pool.
struct PoolBudget {
    PoolBudget(protocol::Epoch proxy_epoch, std::size_t max_frame_bytes, std::size_t lane_count)
        : proxy(proxy_epoch), max_frame(max_frame_bytes), lanes(lane_count), lane(new LaneBudget[lane_count]) {}

    const protocol::Epoch proxy;
    const std::size_t max_frame;
    const std::size_t lanes;
    const std::unique_ptr<LaneBudget[]> lane;
};

}  // namespace trunkline
