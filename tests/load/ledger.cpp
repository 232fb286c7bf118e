#include "tests/load/ledger.hpp"

#include <algorithm>

namespace trunkline::load {
namespace {

std::uint64_t overlap(Range a, Range b) noexcept {
    return Range{std::max(a.begin, b.begin), std::min(a.end, b.end)}.size();
}

}  // namespace

void Verdict::add(const Verdict& other) noexcept {
    expected += other.expected;
    received += other.received;
    missing += other.missing;
    doubled += other.doubled;
    out_of_order += other.out_of_order;
    misdelivered += other.misdelivered;
    stranded += other.stranded;
    uncertain += other.uncertain;
}

void Stream::receive(std::uint64_t sequence) {
    if (received_ == 0) {
        first_ = sequence;
        next_ = sequence + 1;
        received_ = 1;
        return;
    }
    if (sequence == next_) {
        ++next_;
        ++received_;
        return;
    }
    if (sequence > next_) {
        gaps_.push_back({next_, sequence});
        next_ = sequence + 1;
        ++received_;
        return;
    }
    if (sequence < first_) {
        if (sequence + 1 < first_) gaps_.insert(gaps_.begin(), {sequence + 1, first_});
        first_ = sequence;
        ++received_;
        ++out_of_order_;
        return;
    }
    const auto gap = std::find_if(gaps_.begin(), gaps_.end(), [&](const Range& g) { return g.contains(sequence); });
    if (gap == gaps_.end()) {
        ++doubled_;
        return;
    }
    ++received_;
    ++out_of_order_;
    const Range behind{sequence + 1, gap->end};
    gap->end = sequence;
    const bool is_gone = gap->empty();
    if (is_gone && behind.empty()) {
        gaps_.erase(gap);
    } else if (is_gone) {
        *gap = behind;
    } else if (!behind.empty()) {
        gaps_.insert(gap + 1, behind);
    }
}

Verdict Stream::judge(Range expected) const {
    Verdict verdict;
    verdict.expected = expected.size();
    verdict.doubled = doubled_;
    verdict.out_of_order = out_of_order_;
    if (received_ == 0) {
        verdict.missing = expected.size();
        return verdict;
    }
    verdict.received = overlap(expected, {first_, next_});
    for (const Range gap : gaps_) verdict.received -= overlap(expected, gap);
    verdict.missing = expected.size() - verdict.received;
    verdict.uncertain = received_ - verdict.received;
    return verdict;
}

Range SendLog::between(std::int64_t from_ns, std::int64_t until_ns) const {
    const auto at = [this](std::int64_t time) {
        return static_cast<std::uint64_t>(std::lower_bound(times_.begin(), times_.end(), time) - times_.begin());
    };
    return {at(from_ns), std::max(at(from_ns), at(until_ns))};
}

}  // namespace trunkline::load
