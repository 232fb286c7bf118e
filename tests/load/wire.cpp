#include "tests/load/wire.hpp"

namespace trunkline::load {

void Writer::put(const Histogram& histogram) {
    std::uint64_t used = 0;
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) used += histogram.count_in(i) != 0 ? 1 : 0;
    put(used);
    put(histogram.max());
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
        if (histogram.count_in(i) == 0) continue;
        put(static_cast<std::uint64_t>(i));
        put(histogram.count_in(i));
    }
}

void Reader::get(Histogram& histogram) {
    const auto used = get<std::uint64_t>();
    const auto max = get<std::int64_t>();
    std::size_t last = Histogram::kBuckets;
    std::uint64_t last_count = 0;
    for (std::uint64_t i = 0; i < used; ++i) {
        if (last_count != 0) histogram.record(static_cast<std::int64_t>(Histogram::end_of(last)), last_count);
        last = static_cast<std::size_t>(get<std::uint64_t>());
        last_count = get<std::uint64_t>();
        if (last >= Histogram::kBuckets) throw std::runtime_error("what a shard says is damaged");
    }
    if (last_count != 0) histogram.record(max, last_count);  // the highest bucket: its maximum exactly
}

}  // namespace trunkline::load
