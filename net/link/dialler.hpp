#pragma once

#include <chrono>
#include <functional>
#include <random>

#include "net/backoff.hpp"
#include "net/connector.hpp"
#include "net/loop.hpp"

namespace trunkline::net {

/// Dials one address for one lane, as often as its pool asks: at once, or after a wait that doubles with every failure.
/// Owned by the pool, on its loop.
class Dialler {
  public:
    struct Times {
        std::chrono::milliseconds connect;    ///< for one attempt
        std::chrono::milliseconds retry_min;  ///< the first wait
        std::chrono::milliseconds retry_max;  ///< the longest
    };
    /// A connected socket, or the error. Called once per dial, never from inside a call of this class.
    using OnDialled = std::function<void(const boost::system::error_code&, UniqueFd)>;

    Dialler(Loop& loop, Endpoint address, const Times& times, OnDialled on_dialled);

    void dial();
    void dial_later();
    /// What was dialled has lived: the next wait is the first one again.
    void reset_wait() noexcept { backoff_.reset(); }
    void cancel();

  private:
    void on_time(Clock::time_point now);

    Loop& loop_;
    const Endpoint address_;
    const Times times_;
    const OnDialled on_dialled_;
    Backoff backoff_;
    std::minstd_rand random_;
    Connector connector_;
    bool is_dialling_ = false;
    MemberHook<&Dialler::on_time> time_{*this};  // of the attempt, or of the next
};

}  // namespace trunkline::net
