#include "net/timing_wheel.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace trunkline::net {

static_assert(sizeof(WheelHook) <= 32, "an idle session pays for this");

void WheelHook::cancel() noexcept {
    if (is_scheduled()) TimingWheel::unlink(*this);
}

TimingWheel::TimingWheel(Clock::time_point now, Clock::duration tick) noexcept : origin_(now), tick_(tick) {
    for (unsigned level = 0; level < kLevels; ++level) {
        for (unsigned index = 0; index < kSlots; ++index) {
            Slot& slot = slots_[level][index];
            slot.next = slot.prev = &slot;
            slot.wheel = this;
            slot.level = static_cast<std::uint8_t>(level);
            slot.index = static_cast<std::uint8_t>(index);
        }
    }
    due_.next = due_.prev = &due_;
}

TimingWheel::~TimingWheel() {
    for (auto& level : slots_) {
        for (Slot& slot : level) {
            while (!is_empty(slot)) unlink(*slot.next);
        }
    }
    while (!is_empty(due_)) unlink(*due_.next);
}

void TimingWheel::schedule(WheelHook& hook, Clock::time_point deadline) noexcept {
    hook.cancel();
    hook.tick_ = std::max(tick_after(deadline), floor_ + 1);
    place(hook);
}

std::optional<Clock::time_point> TimingWheel::next() const noexcept {
    const auto tick = next_tick();
    if (!tick) return std::nullopt;
    return origin_ + *tick * tick_;
}

void TimingWheel::advance(Clock::time_point now) {
    assert(floor_ == current_ && "advance must not be called from on_deadline");
    if (now <= origin_) return;
    const auto target = static_cast<std::uint64_t>((now - origin_) / tick_);
    if (target <= current_) return;
    floor_ = target;
    for (auto tick = next_tick(); tick && *tick <= target; tick = next_tick()) {
        current_ = *tick;
        for (unsigned level = kLevels - 1; level > 0; --level) cascade(level);
        fire(now);
    }
    current_ = target;
}

// The first tick at or after `deadline`: rounding up is what keeps a hook from firing early.
std::uint64_t TimingWheel::tick_after(Clock::time_point deadline) const noexcept {
    if (deadline <= origin_) return 0;
    const auto distance = deadline - origin_;
    return static_cast<std::uint64_t>(distance / tick_) + (distance % tick_ != Clock::duration::zero() ? 1 : 0);
}

std::optional<std::uint64_t> TimingWheel::next_tick() const noexcept {
    std::optional<std::uint64_t> first;
    for (unsigned level = 0; level < kLevels; ++level) {
        if (occupied_[level] == 0) continue;
        const unsigned shift = level * kSlotBits;
        const std::uint64_t here = current_ >> shift;
        // The slot of the present is always done, so its bit means a whole turn ahead: distances are 1 to 64.
        const auto ahead = std::rotr(occupied_[level], static_cast<int>((here + 1) % kSlots));
        const std::uint64_t tick = (here + 1 + static_cast<unsigned>(std::countr_zero(ahead))) << shift;
        if (!first || tick < *first) first = tick;
    }
    return first;
}

void TimingWheel::place(WheelHook& hook) noexcept {
    const std::uint64_t distance = hook.tick_ - current_;
    unsigned level = 0;
    while (level + 1 < kLevels && distance >> ((level + 1) * kSlotBits) != 0) ++level;
    std::uint64_t slot = hook.tick_ >> (level * kSlotBits);
    // Beyond the last level: as far as it reaches, where it will be placed again.
    if (distance >> (kLevels * kSlotBits) != 0) slot = (current_ >> (level * kSlotBits)) + kSlots - 1;
    link(slots_[level][slot % kSlots], hook);
}

// Where a slot of `level` begins at the current tick, its hooks move to lower levels.
void TimingWheel::cascade(unsigned level) noexcept {
    const unsigned shift = level * kSlotBits;
    if ((current_ & ((std::uint64_t{1} << shift) - 1)) != 0) return;
    Slot moving;
    moving.next = moving.prev = &moving;
    take_all(slots_[level][(current_ >> shift) % kSlots], moving);
    while (!is_empty(moving)) {
        auto& hook = static_cast<WheelHook&>(*moving.next);
        unlink(hook);
        place(hook);
    }
}

void TimingWheel::fire(Clock::time_point now) {
    take_all(slots_[0][current_ % kSlots], due_);
    while (!is_empty(due_)) {
        auto& hook = static_cast<WheelHook&>(*due_.next);
        unlink(hook);
        hook.on_deadline(now);  // may have destroyed the hook, and any other that was due
    }
}

void TimingWheel::link(Slot& slot, detail::WheelNode& node) noexcept {
    node.next = &slot;
    node.prev = slot.prev;
    slot.prev->next = &node;
    slot.prev = &node;
    slot.wheel->occupied_[slot.level] |= std::uint64_t{1} << slot.index;
}

void TimingWheel::unlink(detail::WheelNode& node) noexcept {
    node.prev->next = node.next;
    node.next->prev = node.prev;
    if (node.next == node.prev) {  // it was alone: what is left is the head of the slot
        const Slot& slot = static_cast<const Slot&>(*node.next);
        if (slot.wheel != nullptr) slot.wheel->occupied_[slot.level] &= ~(std::uint64_t{1} << slot.index);
    }
    node.next = node.prev = nullptr;
}

void TimingWheel::take_all(Slot& from, Slot& to) noexcept {
    if (is_empty(from)) return;
    assert(is_empty(to));
    to.next = from.next;
    to.prev = from.prev;
    to.next->prev = to.prev->next = &to;
    from.next = from.prev = &from;
    from.wheel->occupied_[from.level] &= ~(std::uint64_t{1} << from.index);
}

}  // namespace trunkline::net
