#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "appserver-sdk/src/budget.hpp"
#include "appserver-sdk/src/connection_state.hpp"

#include <trunkline/app_server.hpp>
#include <trunkline/options.hpp>

namespace trunkline {

/// Which lanes a frame goes to (SPEC.md "Order"): the home lane of one own connection, or every lane of every pool, of
/// all proxies or of those whose epoch ends in these 32 bits.
struct Addressees {
    std::shared_ptr<ConnectionState> connection;
    std::optional<std::uint32_t> proxy_epoch_low;

    bool include(const PoolBudget& pool) const noexcept {
        return !proxy_epoch_low || *proxy_epoch_low == static_cast<std::uint32_t>(pool.proxy);
    }
};

/// One call of the app on its way to the loop.
struct Call {
    enum class What : std::uint8_t {
        frame,   ///< append the frame to the lanes, whose room is reserved
        accept,  ///< the connection was accepted; the frame, if there is one, says so
        close,   ///< the app ends the connection; the frame says so
        pause,   ///< look at what the connection wants
        wait,    ///< call the waiter when the connection, or everything, is writable
        task,    ///< run it
    };

    What what = What::frame;
    Addressees to;
    std::int32_t request = 0;  ///< not 0: an acknowledged request
    Completion completion;
    std::function<void()> task;
    WritableCallback waiter;
    Disconnect disconnect;  ///< close: what the app is told of it
    std::size_t frame_begin = 0;
    std::size_t frame_size = 0;
};

/// Calls in their order, and the frames they carry.
struct CallBatch {
    std::vector<Call> calls;
    std::string frames;
};

/// The way into the loop for all other threads: reserves room on the lanes, keeps the calls in order until the loop
/// takes them, and wakes it once per batch. It also holds the few things that other threads may look at. Every member
/// is for any thread unless it says otherwise; no lock is held while anything else is called, but `wake` and
/// `write_marks`, which must not call back.
class Outgoing {
  public:
    /// `wake` is called under the lock, and not after `stop`; it makes the loop call `take` soon.
    Outgoing(const Limits& limits, std::function<void()> wake) : limits_(limits), wake_(std::move(wake)) {}

    /// Takes a frame for the lanes it is addressed to, or nothing: would_block, too_large, closed, not_accepted,
    /// not_connected, unknown_connection.
    std::error_code submit(Call call, std::string_view frame);

    /// Takes a call that needs no room; closed after `stop`.
    std::error_code submit_control(Call call, std::string_view frame = {});

    /// Takes the acceptance of a connection, which is open from then on: nobody who sees that is in the queue before
    /// it. Errors: closed, already_answered.
    std::error_code submit_accept(const std::shared_ptr<ConnectionState>& state, std::string_view frame);

    /// Whether calls wait for the loop. A caller that knows of a call sees it here.
    bool has_pending() const noexcept { return pending_.load(std::memory_order_relaxed); }

    /// The loop: swaps all waiting calls into `into`, which is empty.
    void take(CallBatch& into);

    /// The loop: fan-outs reach this pool from now on. False, and nothing is done, if calls wait that did not reserve
    /// room there: take them first.
    bool add_pool(const std::shared_ptr<PoolBudget>& pool);
    /// The loop: home lanes are reckoned by so many lanes from now on. False, and nothing is done, if calls wait that
    /// reserved room by the old number: take them first. `write_marks` is called under the lock, so that nobody has
    /// reserved by the new number before.
    template <class WriteMarks>
    bool set_lanes(PoolBudget& pool, std::uint32_t lanes, WriteMarks&& write_marks) {
        const std::lock_guard lock(mutex_);
        if (!waiting_.calls.empty()) return false;
        pool.lanes_.store(lanes, std::memory_order_relaxed);
        write_marks();
        return true;
    }
    void remove_pool(const std::shared_ptr<PoolBudget>& pool);
    /// The loop only: the pools that fan-outs reach.
    const std::vector<std::shared_ptr<PoolBudget>>& pools() const noexcept { return pools_; }

    void add_connection(const std::shared_ptr<ConnectionState>& state);
    void remove_connection(const ConnectionState& state);
    std::shared_ptr<ConnectionState> find(std::string_view id) const;
    std::vector<std::shared_ptr<ConnectionState>> connections() const;
    std::size_t connection_count() const;

    void set_proxies(std::vector<ProxyInfo> proxies);
    std::vector<ProxyInfo> proxies() const;

    /// From now on every call answers `closed`.
    void stop();

    std::int32_t next_request() noexcept;

  private:
    void push(Call&& call, std::string_view frame);

    const Limits& limits_;
    const std::function<void()> wake_;
    std::atomic<bool> pending_{false};
    std::atomic<std::uint32_t> next_request_{0};

    // Shared, under the mutex; pools_ is changed by the loop only.
    mutable std::mutex mutex_;
    CallBatch waiting_;
    std::vector<std::shared_ptr<PoolBudget>> pools_;
    std::unordered_map<std::string_view, std::shared_ptr<ConnectionState>> connections_;  // by a view into the value
    std::vector<ProxyInfo> proxies_;
    bool stopped_ = false;
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

/// Checks all lanes that `to` means, then takes room on all of them, or on none. `may_take(lane)` says whether one has
/// room.
template <class MayTake>
std::error_code reserve(const Addressees& to, const std::vector<std::shared_ptr<PoolBudget>>& pools, std::size_t bytes,
                        bool is_request, const Limits& limits, MayTake may_take) {
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
