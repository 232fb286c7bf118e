#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <memory>
#include <optional>
#include <span>

#include "net/asio.hpp"
#include "net/clock.hpp"
#include "net/poller.hpp"
#include "net/reactor_wait.hpp"
#include "net/timing_wheel.hpp"
#include "net/turn.hpp"

namespace trunkline::net {

/// One thread's event loop: an io_context for what is rare (connects, HTTP, names), a poller for established sockets, a
/// timing wheel for every deadline, and the turn that flushes what events have gathered. Everything that lives on a
/// loop is used on its thread only; `post` and `stop` may be called from any.
///
/// The io_context runs, and where its reactor would wait the loop does (ReactorWait): in the poller's epoll set, of
/// which the reactor's is a member, until the next deadline. So a turn costs one system call, and the reactor one more
/// only when something of its own is ready.
class Loop final : private ReactorWait {
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
    void schedule(WheelHook& hook, Clock::time_point when) { wheel_.schedule(hook, when); }
    /// The same, but a hook that is called earlier stays as it is: it looks again then. Cheaper than to move a deadline
    /// with everything that puts it off.
    void schedule_by(WheelHook& hook, Clock::time_point when) { wheel_.schedule_by(hook, when); }
    /// The same to a tenth of a millisecond: for what waits so little that a few milliseconds would be much.
    void schedule_exactly(WheelHook& hook, Clock::time_point when) { exact_wheel_.schedule(hook, when); }
    /// The next moment at which it wakes for those, if for any, which may be some milliseconds before the first of them
    /// is due. Who could wait longer may share it.
    std::optional<Clock::time_point> next_exact() const { return exact_wheel_.next(); }
    void cancel(WheelHook& hook) { wheel_.cancel(hook); }

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
    int wait(int reactor, epoll_event* events, int count, int timeout_ms) override;
    Clock::duration patience(int timeout_ms) const;
    std::optional<Clock::time_point> next_deadline() const;
    bool serve();
    void catch_up();

    asio::io_context context_;
    asio::executor_work_guard<Executor> work_;
    Poller poller_;
    int reactor_ = -1;  // the epoll set of the io_context's reactor
    TimingWheel wheel_;
    TimingWheel exact_wheel_;
    Turn turn_;
    Clock::time_point now_{};
    bool in_turn_ = false;
    bool end_posted_ = false;
    bool runs_one_ = false;  // run_for: the first event ends it
    std::unique_ptr<char[]> read_block_;
};

}  // namespace trunkline::net
