#include "net/loop.hpp"

#include <boost/asio/post.hpp>

namespace trunkline::net {
namespace {

constexpr std::chrono::milliseconds kHeldUp{100};  // that a timer fires so late

}  // namespace

Loop::Loop()
    : context_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      sockets_(context_.get_executor(), poller_.descriptor()),
      timer_(context_.get_executor()),
      read_block_(std::make_unique_for_overwrite<char[]>(kReadBlockBytes)) {
    wait_for_sockets();
}

Loop::~Loop() {
    turn_.end();
    sockets_.release();  // the poller closes it
}

void Loop::run() {
    auto work = asio::make_work_guard(context_);
    context_.restart();
    context_.run();
}

void Loop::run_for(Clock::duration longest) {
    context_.restart();
    if (context_.run_one_for(longest) != 0) context_.poll();
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
    arm_timer();
    in_turn_ = false;
}

void Loop::wait_for_sockets() {
    sockets_.async_wait(asio::posix::descriptor_base::wait_read, [this](const boost::system::error_code& ec) {
        if (!ec) serve_sockets();
    });
}

void Loop::serve_sockets() {
    begin_turn();
    const bool more = poller_.dispatch();
    end_turn();
    if (more) {
        asio::post(context_, [this] { serve_sockets(); });  // after whatever else is ready
    } else {
        wait_for_sockets();
    }
}

/// The process did not run for a while: what came in time must not be taken for late. So sockets come before deadlines,
/// all that are ready.
void Loop::catch_up() {
    constexpr int kRounds = 1000;  // of 256 sockets
    for (int i = 0; i < kRounds && poller_.dispatch(); ++i) {
    }
}

void Loop::arm_timer() {
    const auto next = wheel_.next();
    if (!next || *next >= armed_) return;  // a timer that fires too early finds nothing to do and is set again
    armed_ = *next;
    timer_.expires_at(armed_);
    timer_.async_wait([this](const boost::system::error_code& ec) {
        if (ec) return;  // replaced by an earlier one
        const auto due = std::exchange(armed_, Clock::time_point::max());
        begin_turn();
        if (now_ - due > kHeldUp) catch_up();
        wheel_.advance(now_);
        end_turn();
    });
}

}  // namespace trunkline::net
