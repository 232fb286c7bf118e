#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/load/client_socket.hpp"
#include "tests/load/histogram.hpp"
#include "tests/load/ledger.hpp"

namespace trunkline::load {

/// What one second of a run brought, in it alone.
struct Second {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t changed = 0;  ///< of those: not as long, or not with the bytes, as they were sent
    Histogram latency;

    void merge(const Second& other) noexcept;
};

/// Why clients were closed though nobody here wanted it, and how often: by_server 1012, refused 503, …
struct Losses {
    std::map<std::pair<CloseWhy, int>, std::uint64_t> counts;

    void add(CloseWhy why, int code, std::uint64_t times = 1) { counts[{why, code}] += times; }
    std::uint64_t total() const noexcept;
    /// One line for each, in words.
    std::vector<std::string> lines() const;
};

/// All that a run, or a part of one, has measured. Parts are merged by adding.
struct Result {
    Verdict verdict;
    Histogram latency;    ///< of messages due while it was measured
    Histogram connect;    ///< from connect() to the 101
    Histogram reconnect;  ///< profile connect: the same when all come back at once
    Histogram busy;       ///< how long the load tester itself took for what it found at once
    std::vector<Second> seconds;
    Losses not_connected;  ///< that never were open
    Losses closed;         ///< that were, and were closed by the other side
    std::uint64_t clients = 0;
    std::uint64_t connected = 0;
    std::uint64_t sent = 0;         ///< while it was measured
    std::uint64_t received = 0;     ///< the same, every copy
    std::uint64_t unreadable = 0;   ///< messages that no part of this run can have sent
    std::uint64_t slow_closed = 0;  ///< profile slow-reader: of those that do not read
    double connect_seconds = 0;     ///< until the last client was connected
    double reconnect_seconds = 0;
    double measured_seconds = 0;
    double own_cpu = 0;          ///< of the busiest thread, share of one core while it was measured
    double own_connect_cpu = 0;  ///< the same while clients connected

    /// Messages of the whole run that were changed on their way.
    std::uint64_t changed() const noexcept;
    void merge(const Result& other);
};

/// For a pipe between processes of the same build.
std::string serialize(const Result& result);
/// Throws std::runtime_error if `bytes` are not what `serialize` wrote.
Result deserialize(std::string_view bytes);

}  // namespace trunkline::load
