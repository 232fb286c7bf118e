#pragma once

#include <memory>
#include <vector>

namespace trunkline::net {

class Turn;

/// Something that gathers work while events are handled and does it once when the turn ends: a link writes what its
/// lane was given, a session sends what its outbox holds.
class TurnHook {
  public:
    TurnHook() = default;
    TurnHook(const TurnHook&) = delete;
    TurnHook& operator=(const TurnHook&) = delete;
    /// A hook that is destroyed in the turn in which it was touched is not called any more.
    inline virtual ~TurnHook();

    /// The turn in which this was touched ends. May touch others, and this again.
    virtual void on_turn_end() = 0;

  private:
    friend class Turn;
    Turn* touched_in_ = nullptr;
};

/// One round of a loop: what was touched in it is flushed once at its end, then what was buried in it is freed, so no
/// function on the stack ever holds a reference to something gone. Owned by a `Loop`.
class Turn {
  public:
    /// Calls `hook.on_turn_end()` when this turn ends; once, however often it is touched.
    void touch(TurnHook& hook) {
        if (hook.touched_in_ != nullptr) return;
        hook.touched_in_ = this;
        touched_.push_back(&hook);
    }

    /// Frees `dead` at the end of this turn.
    void bury(std::unique_ptr<TurnHook> dead) { graves_.push_back(std::move(dead)); }

    /// Flushes and frees. Called by the loop only.
    void end() {
        for (std::size_t i = 0; i < touched_.size(); ++i) {  // grows while it runs
            TurnHook* hook = touched_[i];
            if (hook == nullptr) continue;  // destroyed meanwhile
            hook->touched_in_ = nullptr;
            hook->on_turn_end();
        }
        touched_.clear();
        graves_.clear();
    }

  private:
    friend class TurnHook;
    void forget(const TurnHook& hook) {
        for (auto& touched : touched_) {
            if (touched == &hook) touched = nullptr;
        }
    }

    std::vector<TurnHook*> touched_;
    std::vector<std::unique_ptr<TurnHook>> graves_;
};

inline TurnHook::~TurnHook() {
    if (touched_in_ != nullptr) touched_in_->forget(*this);
}

}  // namespace trunkline::net
