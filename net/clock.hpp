#pragma once

#include <chrono>

namespace trunkline::net {

/// The only clock of loops, deadlines and back-off. Wall time is for log lines.
using Clock = std::chrono::steady_clock;

}  // namespace trunkline::net
