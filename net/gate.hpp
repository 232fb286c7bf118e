#pragma once

#include <cassert>
#include <cstddef>
#include <functional>
#include <utility>

namespace trunkline::net {

/// Counts what is in flight, so that its owner can stop in two steps: take no more work, then wait for the work.
/// One loop's thread; it outlives every pass (which is what waiting for it ensures).
class Gate {
  public:
    /// While it lives, the gate is not empty. False if the gate was closed already: then do not begin.
    class [[nodiscard]] Pass {
      public:
        Pass() noexcept = default;
        Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
        Pass& operator=(Pass&& other) noexcept {
            if (this != &other) {
                release();
                gate_ = std::exchange(other.gate_, nullptr);
            }
            return *this;
        }
        ~Pass() { release(); }

        explicit operator bool() const noexcept { return gate_ != nullptr; }

        /// Leaves now instead of at the end of the scope. The last one to leave a closed gate calls its owner.
        void release() {
            if (Gate* gate = std::exchange(gate_, nullptr)) gate->leave();
        }

      private:
        friend class Gate;
        explicit Pass(Gate& gate) noexcept : gate_(&gate) {}

        Gate* gate_ = nullptr;
    };

    Gate() = default;
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;
    ~Gate() { assert(in_flight_ == 0); }

    Pass enter() noexcept {
        if (closed_) return {};
        ++in_flight_;
        return Pass(*this);
    }

    /// From now on `enter` refuses. `on_empty` is called exactly once: before this returns if nothing is in flight,
    /// else by the last pass. It may destroy the gate and must not throw. Closed once only.
    void close(std::function<void()> on_empty) {
        assert(!closed_);
        closed_ = true;
        on_empty_ = std::move(on_empty);
        tell_when_empty();
    }

    std::size_t in_flight() const noexcept { return in_flight_; }

  private:
    void leave() {
        assert(in_flight_ > 0);
        --in_flight_;
        if (closed_) tell_when_empty();
    }

    void tell_when_empty() {
        if (in_flight_ != 0) return;
        if (const auto tell = std::exchange(on_empty_, nullptr)) tell();  // the last thing: it may destroy us
    }

    std::size_t in_flight_ = 0;
    bool closed_ = false;
    std::function<void()> on_empty_;
};

}  // namespace trunkline::net
