#include "net/loop.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <stdexcept>

namespace trunkline::net {
namespace {

constexpr std::chrono::milliseconds kHeldUp{100};    // that a deadline is met so late
constexpr std::chrono::microseconds kExactTick{50};  // the kernel adds as much

/// Waits for the reactors of this thread as long as it lives.
class WaitingHere {
  public:
    explicit WaitingHere(ReactorWait& wait) noexcept : before_(exchange_reactor_wait(&wait)) {}
    WaitingHere(const WaitingHere&) = delete;
    WaitingHere& operator=(const WaitingHere&) = delete;
    ~WaitingHere() { exchange_reactor_wait(before_); }

  private:
    ReactorWait* const before_;
};

}  // namespace

Loop::Loop()
    : context_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      work_(context_.get_executor()),
      exact_wheel_(Clock::now(), kExactTick),
      read_block_(std::make_unique_for_overwrite<char[]>(kReadBlockBytes)) {
    const Descriptor starts_the_reactor(context_.get_executor());
    const WaitingHere here(*this);
    context_.poll();  // calls `wait`, which learns which reactor is ours
    if (reactor_ < 0) throw std::logic_error("the reactor of this Asio does not wait through wait_for_reactor");
}

Loop::~Loop() { turn_.end(); }

void Loop::run() {
    const WaitingHere here(*this);
    context_.restart();
    context_.run();
}

void Loop::run_for(Clock::duration longest) {
    const WaitingHere here(*this);
    context_.restart();
    runs_one_ = true;
    context_.run_one_for(longest);
    runs_one_ = false;
    context_.poll();
}

void Loop::stop() { context_.stop(); }

void Loop::post_end() {
    end_posted_ = true;
    asio::post(context_, [this] {
        end_posted_ = false;
        begin_turn();
        end_turn();
    });
}

void Loop::begin_turn() {
    in_turn_ = true;
    now_ = Clock::now();
}

void Loop::end_turn() {
    turn_.end();
    in_turn_ = false;
}

int Loop::wait(int reactor, epoll_event* events, int count, int timeout_ms) {
    if (reactor_ < 0) {
        boost::system::error_code ec;
        poller_.watch(reactor, ec);
        if (ec) throw boost::system::system_error(ec, "epoll_ctl");
        reactor_ = reactor;
    }
    if (reactor != reactor_)
        return ::epoll_wait(reactor, events, count, timeout_ms);  // another io_context's, in a callback
    poller_.wait(patience(timeout_ms));
    const bool had_work = serve();
    if (runs_one_ && had_work) asio::post(context_, [] {});  // ends run_for, which counts handlers
    return poller_.is_watched_ready() ? ::epoll_wait(reactor, events, count, 0) : 0;
}

/// Until the next deadline, and no longer than the reactor would wait.
Clock::duration Loop::patience(int timeout_ms) const {
    if (timeout_ms == 0) return Clock::duration::zero();
    auto longest = timeout_ms < 0 ? Clock::duration::max() : Clock::duration(std::chrono::milliseconds(timeout_ms));
    if (const auto next = next_deadline()) {
        longest = std::min(longest, std::max(*next - Clock::now(), Clock::duration::zero()));
    }
    return longest;
}

std::optional<Clock::time_point> Loop::next_deadline() const {
    const auto next = wheel_.next();
    const auto exact = exact_wheel_.next();
    if (!next || !exact) return next ? next : exact;
    return std::min(*next, *exact);
}

/// One turn: sockets, then deadlines. Says whether there was anything to do.
bool Loop::serve() {
    begin_turn();
    const auto due = next_deadline();
    const bool had_work = poller_.has_found() || (due && *due <= now_);
    poller_.dispatch();
    if (due && now_ - *due > kHeldUp) catch_up();
    wheel_.advance(now_);
    exact_wheel_.advance(now_);
    end_turn();
    return had_work;
}

/// The process did not run for a while: what came in time must not be taken for late. So sockets come before deadlines,
/// all that are ready.
void Loop::catch_up() {
    constexpr int kRounds = 1000;  // of 256 sockets
    for (int i = 0; i < kRounds; ++i) {
        poller_.wait(Clock::duration::zero());
        if (!poller_.dispatch()) return;
    }
}

}  // namespace trunkline::net
