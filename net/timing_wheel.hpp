#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "net/clock.hpp"

namespace trunkline::net {

class TimingWheel;

namespace detail {

/// One element of a circular list: a hook, or the head of a slot.
struct WheelNode {
    WheelNode* next = nullptr;
    WheelNode* prev = nullptr;
};

}  // namespace detail

/// One deadline of an object: a base class or a member of it, 32 bytes with its vptr, never allocated by the wheel.
/// Destroying a scheduled hook cancels it. A hook belongs to the thread of its wheel.
class WheelHook : private detail::WheelNode {
  public:
    WheelHook() = default;
    WheelHook(const WheelHook&) = delete;
    WheelHook& operator=(const WheelHook&) = delete;

    bool is_scheduled() const noexcept { return next != nullptr; }

    /// Takes the hook out of its wheel; nothing happens if it is in none.
    void cancel() noexcept;

  protected:
    ~WheelHook() { cancel(); }

  private:
    friend class TimingWheel;

    /// The deadline has passed and the hook is no longer scheduled. `now` is what `advance` was given. It may schedule
    /// and cancel this and other hooks and may destroy any of them, itself included. It must not throw.
    virtual void on_deadline(Clock::time_point now) = 0;

    std::uint64_t tick_ = 0;
};

/// A hook as a member: `MemberHook<&Link::on_silence> silence_{*this};` calls `on_silence(now)` of its owner.
template <auto Method>
class MemberHook;

template <class Owner, void (Owner::*Method)(Clock::time_point)>
class MemberHook<Method> final : public WheelHook {
  public:
    explicit MemberHook(Owner& owner) : owner_(owner) {}

  private:
    void on_deadline(Clock::time_point now) override { (owner_.*Method)(now); }

    Owner& owner_;
};

/// All deadlines of one loop: hierarchical, five levels of 64 slots; with a tick of 2 ms it takes 24 days before a
/// deadline is looked at twice. Scheduling and cancelling cost a few instructions and no allocation. Time is passed in;
/// the wheel reads no clock. Owned by a Loop, used on its thread.
///
/// A hook never fires before its deadline, and fires in the first `advance` that is given a time at least one tick
/// after it. Hooks of different ticks fire in the order of their ticks; within a tick the order is not promised.
class TimingWheel {
  public:
    static constexpr std::chrono::milliseconds kTick{2};

    /// `now`: no earlier time will ever be passed to `advance`. `tick`: how exact deadlines are.
    explicit TimingWheel(Clock::time_point now = Clock::now(), Clock::duration tick = kTick) noexcept;
    TimingWheel(const TimingWheel&) = delete;
    TimingWheel& operator=(const TimingWheel&) = delete;
    /// Hooks that are still scheduled are let go without a call.
    ~TimingWheel();

    /// Sets the deadline of `hook`, whether it had one or not. A deadline in the past is met by the next `advance`
    /// that reaches a new tick, never by the one that is running: each hook fires at most once in an `advance`.
    void schedule(WheelHook& hook, Clock::time_point deadline) noexcept;
    void cancel(WheelHook& hook) noexcept { hook.cancel(); }
    /// The same, but a hook whose deadline is earlier keeps it: it fires early, and is to look again.
    void schedule_by(WheelHook& hook, Clock::time_point deadline) noexcept {
        if (!hook.is_scheduled() || hook.tick_ > tick_after(deadline)) schedule(hook, deadline);
    }

    /// The earliest time at which `advance` has anything to do; nothing if the wheel is empty. It may be earlier than
    /// the first deadline, when a far one is to be looked at again (at most four times per deadline within 24 days).
    std::optional<Clock::time_point> next() const noexcept;

    /// Calls every hook whose deadline has passed. Not to be called from inside `on_deadline`.
    void advance(Clock::time_point now);

  private:
    friend class WheelHook;

    static constexpr unsigned kSlotBits = 6;
    static constexpr unsigned kSlots = 1U << kSlotBits;
    static constexpr unsigned kLevels = 5;

    struct Slot : detail::WheelNode {
        TimingWheel* wheel = nullptr;  ///< none: not a slot whose bit must follow its content
        std::uint8_t level = 0;
        std::uint8_t index = 0;
    };

    std::uint64_t tick_after(Clock::time_point deadline) const noexcept;
    std::optional<std::uint64_t> next_tick() const noexcept;
    void place(WheelHook& hook) noexcept;
    void cascade(unsigned level) noexcept;
    void fire(Clock::time_point now);

    static void link(Slot& slot, detail::WheelNode& node) noexcept;
    static void unlink(detail::WheelNode& node) noexcept;
    static bool is_empty(const Slot& slot) noexcept { return slot.next == &slot; }
    static void take_all(Slot& from, Slot& to) noexcept;

    const Clock::time_point origin_;
    const Clock::duration tick_;
    std::uint64_t current_ = 0;  ///< every deadline up to this tick has fired
    std::uint64_t floor_ = 0;    ///< what is scheduled now fires after this tick: current_, or where advance is heading
    std::array<std::uint64_t, kLevels> occupied_{};  ///< bit i: slot i of that level has a hook
    std::array<std::array<Slot, kSlots>, kLevels> slots_;
    Slot due_;  ///< what the running advance still has to call in this tick
};

}  // namespace trunkline::net
