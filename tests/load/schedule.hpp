#pragma once

#include <cstdint>

namespace trunkline::load {

/// When the messages of one sender are due in an open loop: evenly, from a start of its own so that all senders of a
/// run together are even too. Latency counts from these times: a message that is late because the one before it was is
/// late, whoever held it up.
class Schedule {
  public:
    Schedule() = default;
    /// Sender `index` of `senders`, who send `per_second` messages together (more than 0), from `start_ns` on.
    Schedule(std::int64_t start_ns, double per_second, std::uint64_t index, std::uint64_t senders) noexcept
        : interval_ns_(1e9 * static_cast<double>(senders) / per_second),
          first_ns_(static_cast<double>(start_ns) + 1e9 * static_cast<double>(index) / per_second) {}

    std::int64_t due_ns(std::uint64_t sequence) const noexcept {
        return static_cast<std::int64_t>(first_ns_ + interval_ns_ * static_cast<double>(sequence));
    }

  private:
    double interval_ns_ = 0;
    double first_ns_ = 0;
};

}  // namespace trunkline::load
