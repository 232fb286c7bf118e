#pragma once

#include "net/clock.hpp"

#include <algorithm>
#include <cstddef>

namespace trunkline::proxy {

/// Allows so many events a second on average and a tenth of that at once. Time is passed in.
class TokenBucket {
  public:
    /// `rate` events per second; 0 = any number.
    TokenBucket(std::size_t rate, net::Clock::time_point now) : full_at_(now) {
        if (rate == 0) return;
        interval_ = std::chrono::duration_cast<net::Clock::duration>(std::chrono::seconds(1)) /
                    static_cast<net::Clock::rep>(rate);
        burst_ = interval_ * static_cast<net::Clock::rep>(std::max<std::size_t>(1, rate / 10));
    }

    /// From when on one more may happen.
    net::Clock::time_point ready_at() const { return full_at_ + interval_ - burst_; }

    /// One more happens now.
    void take(net::Clock::time_point now) { full_at_ = std::max(full_at_, now) + interval_; }

  private:
    // Constant after construction.
    net::Clock::duration interval_{0};
    net::Clock::duration burst_{0};  // how long an empty bucket takes to fill

    net::Clock::time_point full_at_;  // when the bucket is full again if nothing more is taken
};

}  // namespace trunkline::proxy
