#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "appserver-sdk/src/budget.hpp"
#include "appserver-sdk/src/connection_state.hpp"

#include <trunkline/error.hpp>
#include <trunkline/options.hpp>

namespace trunkline {

// Room on lanes: whether there is some, and how a frame takes it on all lanes that it is addressed to.

/// Which lanes a frame goes to (SPEC.md "Order"): the home lane of one own connection, or every lane of every pool, of
/// all proxies or of those whose epoch ends in these 32 bits.
struct Addressees {
    std::shared_ptr<ConnectionState> connection;
    std::optional<std::uint32_t> proxy_epoch_low;

    bool include(const PoolBudget& pool) const noexcept {
        return !proxy_epoch_low || *proxy_epoch_low == static_cast<std::uint32_t>(pool.proxy);
    }
};

/// Whether calls of other threads may still add to this lane.
inline bool has_room(const LaneBudget& lane, const Limits& limits) noexcept {
    return lane.used_bytes.load(std::memory_order_relaxed) < limits.ring && !lane.owes.load(std::memory_order_relaxed);
}

/// Whether the loop may add `bytes` to this lane.
inline bool has_reserve(const LaneBudget& lane, const Limits& limits, std::size_t bytes) noexcept {
    if (lane.owes.load(std::memory_order_relaxed)) return false;
    const auto used = lane.used_bytes.load(std::memory_order_relaxed);
    return used < limits.ring || used + bytes <= limits.ring + limits.reserve;
}

/// Checks all lanes that `to` means, then takes room on all of them, or on none. `may_take(pool, lane)` says whether
/// one has room. `request`: see Call.
template <class MayTake>
std::error_code reserve(const Addressees& to, const std::vector<std::shared_ptr<PoolBudget>>& pools, std::size_t bytes,
                        std::int32_t request, const Limits& limits, MayTake may_take) {
    const bool is_request = request != 0;
    const auto fits = [&](const PoolBudget& pool, std::size_t index) -> std::error_code {
        if (bytes > pool.max_frame) return errc::too_large;
        const LaneBudget& lane = pool.lane[index];
        if (is_request && lane.open_requests.load(std::memory_order_relaxed) >= limits.open_requests_per_lane) {
            return errc::would_block;
        }
        return may_take(pool, index) ? std::error_code{} : errc::would_block;
    };
    const auto take = [&](LaneBudget& lane) {
        lane.used_bytes.fetch_add(bytes, std::memory_order_relaxed);
        if (is_request) lane.open_requests.fetch_add(1, std::memory_order_relaxed);
    };

    if (to.connection) {
        const ConnectionState& state = *to.connection;
        if (const auto error = sendable(state)) return error;
        if (const auto error = fits(*state.budget, state.lane())) return error;
        take(state.lane_budget());
        return {};
    }
    bool any = false;
    for (const auto& pool : pools) {
        if (!to.include(*pool)) continue;
        any = true;
        for (std::size_t i = 0; i < pool->lanes(); ++i) {
            if (const auto error = fits(*pool, i)) return error;
        }
    }
    if (!any) return to.proxy_epoch_low ? errc::unknown_connection : errc::not_connected;
    for (const auto& pool : pools) {
        if (!to.include(*pool)) continue;
        for (std::size_t i = 0; i < pool->lanes(); ++i) take(pool->lane[i]);
    }
    return {};
}

}  // namespace trunkline
