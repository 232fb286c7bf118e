#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "appserver-sdk/src/connection_state.hpp"
#include "appserver-sdk/src/core/reserve.hpp"

#include <trunkline/app_server.hpp>
#include <trunkline/options.hpp>

namespace trunkline {

/// One call of the app on its way to the loop.
struct Call {
    enum class What : std::uint8_t {
        frame,   ///< append the frame to the lanes, whose room is reserved
        accept,  ///< the connection was accepted; the frame, if there is one, says so
        close,   ///< the app ends the connection; the frame says so
        pause,   ///< pause or resume the connection, as the app wants it when the call is carried out
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

/// How calls of other threads come to the loop: takes room on the lanes, keeps the calls in their order until the loop
/// takes them, and wakes the loop once for all of them. It also holds the few things that other threads may look at.
/// Every member is for any thread unless it says otherwise. While the lock is held nothing else is called but `wake`
/// and `write_marks`, which must not call back.
class Outgoing {
  public:
    /// `wake` is called under the lock, and not after `stop`; it makes the loop call `take` soon.
    Outgoing(const Limits& limits, std::function<void()> wake) : limits_(limits), wake_(std::move(wake)) {}

    /// Takes a frame for the lanes it is addressed to, or nothing: would_block, too_large, closed, not_accepted,
    /// not_connected, unknown_connection.
    std::error_code submit(Call call, std::string_view frame);

    /// Takes a call that needs no room; closed after `stop`.
    std::error_code submit_control(Call call, std::string_view frame = {});

    /// Takes the acceptance of a connection, which is open from then on. A call that finds it open comes behind the
    /// acceptance in the queue. Errors: closed, already_answered.
    std::error_code submit_accept(const std::shared_ptr<ConnectionState>& state, std::string_view frame);

    /// Whether calls wait for the loop. A thread that knows of such a call gets true.
    bool has_pending() const noexcept { return pending_.load(std::memory_order_relaxed); }

    /// The loop: swaps all waiting calls into `into`, which is empty.
    void take(CallBatch& into);

    /// The loop: fan-outs reach this pool from now on. False, and nothing is done, if calls wait that took no room
    /// there: take them first.
    bool add_pool(const std::shared_ptr<PoolBudget>& pool);
    /// The loop: this number of lanes decides the home lanes from now on. False, and nothing is done, if calls wait
    /// that took room by the old number: take them first. `write_marks` is called under the lock, so that no thread
    /// takes room by the new number before the Marks are written.
    template <class WriteMarks>
    bool set_lanes(PoolBudget& pool, std::uint32_t lanes, WriteMarks&& write_marks) {
        const std::lock_guard lock(mutex_);
        if (!waiting_.calls.empty()) return false;
        pool.set_lanes(lanes);
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

}  // namespace trunkline
