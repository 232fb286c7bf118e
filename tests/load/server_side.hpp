#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/load/options.hpp"

namespace trunkline::load {

/// What the processes of the server side have used, all together.
struct Usage {
    double cpu_seconds = 0;
    std::uint64_t resident_bytes = 0;
    std::vector<Usage> processes;  ///< the same of each --pid, in their order
};

/// Looks at the server side: the processes that --pid names, by /proc, else what --metrics says of one.
class ServerSide {
  public:
    explicit ServerSide(const Options& options) : options_(options) {}

    /// Nothing if neither was given, or if nobody answers any more.
    std::optional<Usage> sample() const;

  private:
    const Options& options_;
};

/// What the server side used in one second of the run.
struct ServerSecond {
    double at = 0;   ///< seconds after the messages began; below zero while clients connect
    double cpu = 0;  ///< cores
    std::uint64_t resident_bytes = 0;
    std::optional<double> bytes_per_client;  ///< by which it has grown since before there were any
};

/// What one of --pid used.
struct ProcessUse {
    int pid = 0;
    double cpu_before_seconds = 0;  ///< from before there were clients until it was measured
    double cpu_seconds = 0;         ///< while it was measured
    double bytes_grown = 0;         ///< from before there were clients to the end of measuring
};

/// The server side, looked at once a second from before there are clients.
class ServerWatch {
  public:
    explicit ServerWatch(const Options& options) : options_(options), side_(options) {}

    /// The first sample. False if nothing is to be seen of it.
    bool begin(std::int64_t now_ns);
    /// Takes a sample if a second has passed.
    void look(std::int64_t now_ns, std::uint64_t clients);
    /// What is used from the one to the other is what was used while it was measured.
    void begin_measuring() { measured_from_ = side_.sample(); }
    void end_measuring(std::uint64_t clients);

    /// It was seen, and then no more: a process has ended.
    bool is_lost() const noexcept { return is_lost_; }
    std::optional<double> measured_cpu_seconds() const noexcept { return measured_cpu_seconds_; }
    /// Empty if they were not seen to the end of measuring.
    const std::vector<ProcessUse>& processes() const noexcept { return processes_; }
    /// By which it has grown from before there were clients to the end of measuring.
    std::optional<double> bytes_per_client() const noexcept { return bytes_per_client_; }
    std::vector<ServerSecond> seconds(std::int64_t begin_ns) const;

  private:
    struct Sample {
        std::int64_t at_ns;
        Usage usage;
        std::uint64_t clients;
    };
    std::optional<double> growth_per_client(const Usage& usage, std::uint64_t clients) const;

    const Options& options_;
    const ServerSide side_;
    std::vector<Sample> samples_;  // the first: before there were clients
    bool is_lost_ = false;
    std::optional<Usage> measured_from_;
    std::optional<double> measured_cpu_seconds_;
    std::vector<ProcessUse> processes_;
    std::optional<double> bytes_per_client_;
};

/// The value of a metric without labels in Prometheus' text form, or nothing.
std::optional<double> metric_value(const std::string& page, const std::string& name);

}  // namespace trunkline::load
