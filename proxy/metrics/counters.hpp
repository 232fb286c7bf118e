#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/metrics/close_reason.hpp"
#include "proxy/metrics/reasons.hpp"
#include "proxy/metrics/upstream_snapshot.hpp"

namespace trunkline::proxy {

/// A number that one thread raises and any thread reads. With a single writer a load and a store do: no locked
/// instruction per message.
class Counter {
  public:
    /// Only on the writer's thread.
    void add(std::uint64_t n = 1) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// A level that one thread moves and any thread reads.
class Gauge {
  public:
    /// Only on the writer's thread.
    void add(std::int64_t n) noexcept { set(value() + n); }
    void set(std::int64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
    std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::int64_t> value_{0};
};

/// How late a worker's timer ticks ran, in fixed buckets: a loop that is busy or blocked shows here first.
class LagHistogram {
  public:
    /// Upper bounds in seconds; what is above the last one only counts in the total.
    static constexpr std::array<double, 12> kBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                    0.05,   0.1,   0.25,   0.5,   1,    2.5};

    /// Only on the writer's thread. A negative lag counts as none.
    void record(std::chrono::nanoseconds lag) noexcept;

    /// How many fell into bucket `index` alone; `kBounds.size()` is the one above the last bound.
    std::uint64_t count(std::size_t index) const noexcept { return counts_[index].value(); }
    double sum_seconds() const noexcept { return static_cast<double>(sum_nanoseconds_.value()) * 1e-9; }

  private:
    std::array<Counter, kBounds.size() + 1> counts_;
    Counter sum_nanoseconds_;
};

/// The numbers of one upstream on one worker.
struct UpstreamCounters {
    Gauge connections;  ///< open now: counted in `opens`, not yet in `closes`
    Counter opens;      ///< connections that were accepted (with `ask`: by the app)
};

/// All numbers of one worker, written by it alone, read by the admin thread. The Application makes one per worker; it
/// outlives the worker's thread.
class WorkerCounters {
  public:
    /// The upstreams that are known at once.
    explicit WorkerCounters(const std::vector<std::string>& upstream_names);
    WorkerCounters(const WorkerCounters&) = delete;
    WorkerCounters& operator=(const WorkerCounters&) = delete;

    /// Those of the upstream of that name, made now if it is new; they stay where they are. To be looked up once. Any
    /// thread.
    UpstreamCounters& upstream(std::string_view name);
    /// Calls `f(name, counters)` for each upstream, the oldest first. Any thread.
    template <class F>
    void for_each_upstream(F f) const {
        const std::lock_guard lock(mutex_);
        for (const auto& upstream : upstreams_) f(upstream.name, upstream.counters);
    }

    Counter& refused(RefuseReason reason) noexcept { return refused_[static_cast<std::size_t>(reason)]; }
    Counter& closes(CloseReason reason) noexcept { return closes_[static_cast<std::size_t>(reason)]; }
    Counter& drops(DropReason reason) noexcept { return drops_[static_cast<std::size_t>(reason)]; }
    const Counter& refused(RefuseReason reason) const noexcept { return refused_[static_cast<std::size_t>(reason)]; }
    const Counter& closes(CloseReason reason) const noexcept { return closes_[static_cast<std::size_t>(reason)]; }
    const Counter& drops(DropReason reason) const noexcept { return drops_[static_cast<std::size_t>(reason)]; }

    /// One message of one client, `bytes` of payload. A fan-out counts once per client it was queued for.
    void count_message(Direction direction, std::size_t bytes) noexcept {
        messages_[static_cast<std::size_t>(direction)].add();
        message_bytes_[static_cast<std::size_t>(direction)].add(bytes);
    }
    std::uint64_t messages(Direction direction) const noexcept {
        return messages_[static_cast<std::size_t>(direction)].value();
    }
    std::uint64_t message_bytes(Direction direction) const noexcept {
        return message_bytes_[static_cast<std::size_t>(direction)].value();
    }

    /// Called once in each turn of the loop; an idle loop must turn at least every second or so.
    void on_turn(std::chrono::steady_clock::time_point now) noexcept {
        turned_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    }
    std::chrono::steady_clock::time_point turned_at() const noexcept {
        using Clock = std::chrono::steady_clock;
        return Clock::time_point(Clock::duration(turned_at_.load(std::memory_order_relaxed)));
    }

    Counter fanout_frames;    ///< fan-out verbs (group, user, all) taken from links; their copies are `messages`
    Counter late_frames;      ///< frames for a chan that had ended
    Gauge outbox_bytes;       ///< waiting for clients
    Gauge ring_bytes;         ///< sent to app servers and not acknowledged
    Gauge open_record_bytes;  ///< kept to open connections at another app server
    Gauge held_connections;   ///< without an app server now
    Gauge held_messages;      ///< of those, for the next one
    Gauge held_bytes;         ///< which these take
    Counter redelivered;      ///< messages handed on that a lost app server may have handled
    Counter links_lost;       ///< of pools that are up
    Counter links_resumed;    ///< of those, came back
    Counter pools_ended;      ///< that were up
    LagHistogram loop_lag;
    UpstreamBoard upstream_board;

  private:
    struct NamedUpstream {
        std::string name;
        UpstreamCounters counters;
    };

    mutable std::mutex mutex_;
    std::deque<NamedUpstream> upstreams_;  // shared, under mutex_; grows at its end, so that nothing in it moves
    std::array<Counter, kRefuseReasonCount> refused_;
    std::array<Counter, kCloseReasonCount> closes_;
    std::array<Counter, kDropReasonCount> drops_;
    std::array<Counter, kDirectionCount> messages_;
    std::array<Counter, kDirectionCount> message_bytes_;
    std::atomic<std::chrono::steady_clock::rep> turned_at_;
};

}  // namespace trunkline::proxy
