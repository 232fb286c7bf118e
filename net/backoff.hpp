#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace trunkline::net {

/// How long to wait before the next attempt: from `min`, doubled at each failure up to `max`. Reads no clock and owns
/// no randomness, so tests decide both.
class Backoff {
  public:
    using Duration = std::chrono::milliseconds;

    /// 0 < min <= max, else the nearest that is.
    Backoff(Duration min, Duration max) noexcept
        : min_(std::max(min, Duration(1))), max_(std::max(max, min_)), current_(min_) {}

    /// The wait for this failure, anything from half of the current step to all of it: peers that failed together do
    /// not come back together, and nobody waits longer than `max`.
    template <class RandomEngine>
    Duration next(RandomEngine& random) {
        const Duration step = current_;
        current_ = step > max_ / 2 ? max_ : step * 2;
        return Duration(
            std::uniform_int_distribution<Duration::rep>(step.count() - step.count() / 2, step.count())(random));
    }

    /// An attempt succeeded: the next failure waits `min` again.
    void reset() noexcept { current_ = min_; }

  private:
    const Duration min_;
    const Duration max_;
    Duration current_;
};

}  // namespace trunkline::net
