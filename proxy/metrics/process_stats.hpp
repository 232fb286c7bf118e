#pragma once

#include <cstdint>

namespace trunkline::proxy {

/// What the kernel says about this process; a number it does not tell is 0.
struct ProcessStats {
    double cpu_seconds = 0;            ///< user and system time of all threads
    std::uint64_t resident_bytes = 0;  ///< memory in RAM
    std::uint64_t open_fds = 0;
};

/// Reads /proc/self: some system calls, and on kernels before 6.2 one per 500 open descriptors or so. Any thread.
ProcessStats read_process_stats();

}  // namespace trunkline::proxy
