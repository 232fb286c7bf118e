#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace trunkline::load {

/// A half-open range of sequence numbers.
struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;

    bool empty() const noexcept { return begin >= end; }
    std::uint64_t size() const noexcept { return empty() ? 0 : end - begin; }
    bool contains(std::uint64_t number) const noexcept { return number >= begin && number < end; }
};

/// What the comparison of sent and received says. All but the first two must be zero, `uncertain` excepted.
struct Verdict {
    std::uint64_t expected = 0;      ///< deliveries that had to come
    std::uint64_t received = 0;      ///< of those, each once
    std::uint64_t missing = 0;       ///< that never came, those at the very end included
    std::uint64_t doubled = 0;       ///< came again
    std::uint64_t out_of_order = 0;  ///< came behind a later one of the same sender
    std::uint64_t misdelivered = 0;  ///< came to somebody they were not for
    std::uint64_t stranded = 0;      ///< receivers whose socket is open and to whom the last ones never came
    std::uint64_t uncertain = 0;     ///< came, or did not, while their receiver came or went: nobody can say

    void add(const Verdict& other) noexcept;
    bool is_clean() const noexcept { return missing + doubled + out_of_order + misdelivered + stranded == 0; }
};

/// What one receiver got of one sender, whose messages are numbered without a gap: a few numbers, however many
/// messages, as long as nothing is wrong.
class Stream {
  public:
    void receive(std::uint64_t sequence);

    /// Compares with what had to come: all of `expected`, of which nothing else may be missing. Numbers outside of it
    /// that came are uncertain.
    Verdict judge(Range expected) const;

    bool empty() const noexcept { return received_ == 0; }
    /// One above the highest number that came.
    std::uint64_t end() const noexcept { return next_; }

  private:
    std::uint64_t first_ = 0;  // the lowest that came
    std::uint64_t next_ = 0;
    std::uint64_t received_ = 0;  // different ones
    std::uint64_t doubled_ = 0;
    std::uint64_t out_of_order_ = 0;
    std::vector<Range> gaps_;  // between first_ and next_, in order
};

/// When one sender sent each of its numbers, and so which of them a receiver had to get.
class SendLog {
  public:
    /// Of the next number; times do not go back.
    void sent(std::int64_t at_ns) { times_.push_back(at_ns); }
    std::uint64_t count() const noexcept { return times_.size(); }
    std::int64_t time_of(std::uint64_t sequence) const { return times_[static_cast<std::size_t>(sequence)]; }
    /// Forgets all from number `count` on.
    void cut(std::uint64_t count) { times_.resize(std::min(times_.size(), static_cast<std::size_t>(count))); }
    /// Those sent at or after `from_ns` and before `until_ns`.
    Range between(std::int64_t from_ns, std::int64_t until_ns) const;

  private:
    std::vector<std::int64_t> times_;
};

}  // namespace trunkline::load
