#pragma once

#include <memory>
#include <vector>

namespace trunkline::net {

/// Something that gathers work while events are handled and does it once when the turn ends: a link writes what its
/// lane was given, a session sends what its outbox holds.
class TurnHook {
  public:
    TurnHook() = default;
    TurnHook(const TurnHook&) = delete;
    TurnHook& operator=(const TurnHook&) = delete;
    virtual ~TurnHook() = default;

    /// The turn in which this was touched ends. May touch others, and this again.
    virtual void on_turn_end() = 0;

  private:
    friend class Turn;
    bool touched_ = false;
};

/// One round of a loop: what was touched in it is flushed once at its end, then what was buried in it is freed, so no
/// function on the stack ever holds a reference to something gone. Owned by a `Loop`.
class Turn {
  public:
    /// Calls `hook.on_turn_end()` when this turn ends; once, however often it is touched. The hook must live until then.
    void touch(TurnHook& hook) {
        if (hook.touched_) return;
        hook.touched_ = true;
        touched_.push_back(&hook);
    }

    /// Frees `dead` at the end of this turn.
    void bury(std::unique_ptr<TurnHook> dead) { graves_.push_back(std::move(dead)); }

    bool has_work() const noexcept { return !touched_.empty() || !graves_.empty(); }

    /// Flushes and frees. Called by the loop only.
    void end() {
        for (std::size_t i = 0; i < touched_.size(); ++i) {  // grows while it runs
            TurnHook& hook = *touched_[i];
            hook.touched_ = false;
            hook.on_turn_end();
        }
        touched_.clear();
        graves_.clear();
    }

  private:
    std::vector<TurnHook*> touched_;
    std::vector<std::unique_ptr<TurnHook>> graves_;
};

}  // namespace trunkline::net
