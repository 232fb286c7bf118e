#pragma once

#include <memory>
#include <span>

#include "net/asio.hpp"
#include "net/clock.hpp"
#include "net/poller.hpp"
#include "net/timing_wheel.hpp"
#include "net/turn.hpp"

namespace trunkline::net {

/// One thread's event loop: an io_context for what is rare (connects, HTTP, names, admin), a poller for established
/// sockets, a timing wheel for every deadline, and the turn that flushes what events have gathered. Everything that
/// lives on a loop is used on its thread only; `post` and `stop` may be called from any.
class Loop {
  public:
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Runs until `stop`. The calling thread is the loop's.
    void run();
    /// Runs what is ready, waiting at most `longest` for the first event (tests).
    void run_for(Clock::duration longest);
    /// Makes `run` return after the current handler. Any thread.
    void stop();

    asio::io_context& context() noexcept { return context_; }
    Executor executor() noexcept { return context_.get_executor(); }

    /// Runs `f` on the loop. Any thread.
    template <class F>
    void post(F&& f) {
        asio::post(context_, std::forward<F>(f));
    }

    /// The time at which the running turn began; between turns the time now.
    Clock::time_point now() const { return in_turn_ ? now_ : Clock::now(); }

    /// See Turn. Outside a turn the first touch begins one, which ends after the handlers that are ready.
    void touch(TurnHook& hook) {
        turn_.touch(hook);
        want_end();
    }
    void bury(std::unique_ptr<TurnHook> dead) {
        turn_.bury(std::move(dead));
        want_end();
    }

    /// Calls `hook.on_deadline()` at `when` or a few milliseconds later; moves a hook that is scheduled already.
    void schedule(WheelHook& hook, Clock::time_point when) {
        wheel_.schedule(hook, when);
        if (when < armed_) want_end();
    }
    void cancel(WheelHook& hook) { wheel_.cancel(hook); }
    /// Whether it is called by then anyway.
    bool is_scheduled_by(const WheelHook& hook, Clock::time_point when) const noexcept {
        return wheel_.is_scheduled_by(hook, when);
    }

    Poller& poller() noexcept { return poller_; }

    /// 256 KiB to read into; what is in it is valid until the current event was handled.
    std::span<char> read_block() noexcept { return {read_block_.get(), kReadBlockBytes}; }
    static constexpr std::size_t kReadBlockBytes = 256 << 10;

  private:
    void want_end() {
        if (!in_turn_ && !end_posted_) post_end();
    }
    void post_end();
    void begin_turn();
    void end_turn();
    void wait_for_sockets();
    void serve_sockets();
    void arm_timer();
    void catch_up();

    asio::io_context context_;
    Poller poller_;
    Descriptor sockets_;  // the poller's epoll descriptor
    TimingWheel wheel_;
    Timer timer_;
    Clock::time_point armed_ = Clock::time_point::max();
    Turn turn_;
    Clock::time_point now_{};
    bool in_turn_ = false;
    bool end_posted_ = false;
    std::unique_ptr<char[]> read_block_;
};

}  // namespace trunkline::net
