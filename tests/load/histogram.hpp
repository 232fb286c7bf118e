#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace trunkline::load {

/// Counts of durations in log-linear buckets: exact below 128 ns, then 64 steps for each doubling, so that a value is
/// at most 1.6 % off. Holds any duration up to 2^63 ns. Merging is adding: percentiles of several workers are those of
/// all their samples together, never means of percentiles.
class Histogram {
  public:
    /// `nanoseconds` below zero count as zero.
    void record(std::int64_t nanoseconds, std::uint64_t times = 1) noexcept {
        const auto value = static_cast<std::uint64_t>(nanoseconds < 0 ? 0 : nanoseconds);
        counts_[bucket_of(value)] += times;
        count_ += times;
        if (value > max_) max_ = value;
    }

    void merge(const Histogram& other) noexcept {
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
        count_ += other.count_;
        if (other.max_ > max_) max_ = other.max_;
    }

    std::uint64_t count() const noexcept { return count_; }
    /// The largest value recorded, exactly.
    std::int64_t max() const noexcept { return static_cast<std::int64_t>(max_); }

    /// The smallest value that at least the share `p` (0 to 1) of all samples does not exceed, rounded up to its
    /// bucket's end, but never above `max`; 0 if there are none.
    std::int64_t percentile(double p) const noexcept {
        if (count_ == 0) return 0;
        const double wanted = p * static_cast<double>(count_);
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (counts_[i] != 0 && static_cast<double>(seen) >= wanted) {
                return static_cast<std::int64_t>(std::min(end_of(i), max_));
            }
        }
        return max();
    }

    static constexpr std::size_t kBuckets = 128 + 64 * 56;

    std::uint64_t count_in(std::size_t bucket) const noexcept { return counts_[bucket]; }
    /// The largest value that falls into a bucket.
    static constexpr std::uint64_t end_of(std::size_t bucket) noexcept {
        if (bucket < 128) return bucket;
        const std::size_t shift = (bucket - 128) / 64 + 1;
        const std::uint64_t first = (std::uint64_t{64} + (bucket - 128) % 64) << shift;
        return first + (std::uint64_t{1} << shift) - 1;
    }
    static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
        if (value < 128) return value;
        const auto shift = static_cast<std::size_t>(std::bit_width(value)) - 7;
        return 128 + 64 * (shift - 1) + ((value >> shift) - 64);
    }

  private:
    std::array<std::uint64_t, kBuckets> counts_{};
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace trunkline::load
