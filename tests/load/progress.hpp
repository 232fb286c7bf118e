#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/load/histogram.hpp"

namespace trunkline::load {

/// How far a run, or a part of it, is. Parts are merged by adding; `round` is the lowest.
struct Progress {
    std::uint64_t connected = 0;
    std::uint64_t failed = 0;  ///< clients that never were connected
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t errors = 0;  ///< clients closed by the other side, and messages that are not for whom they came to
    std::uint32_t round = 0;   ///< of connecting: 1 when all have been closed to come back
    Histogram latency;         ///< of whole seconds, and of those only what no `progress()` has told yet

    void merge(const Progress& other) noexcept;
};

/// For a pipe between processes of the same build.
std::string serialize(const Progress& progress);
/// Throws std::runtime_error if `bytes` are not what `serialize` wrote.
Progress deserialize_progress(std::string_view bytes);

}  // namespace trunkline::load
