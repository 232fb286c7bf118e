#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/load/ledger.hpp"
#include "tests/load/options.hpp"
#include "tests/load/result.hpp"

namespace trunkline::load {

/// How far it is, for the progress line; counts since the beginning.
struct Progress {
    std::uint64_t connected = 0;
    std::uint64_t failed = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t lost = 0;
    std::uint32_t round = 0;  ///< of connecting: 1 from `come_back` on
};

/// A part of the clients, in this process or in one of its own. The main thread drives it step by step; each step
/// returns at once, but for `finish`.
class Shard {
  public:
    virtual ~Shard() = default;
    virtual Progress progress() = 0;
    /// Messages begin at `begin_ns`, and are measured from and until.
    virtual void begin(std::int64_t begin_ns, std::int64_t from_ns, std::int64_t until_ns) = 0;
    /// Profile connect: all are closed, and come back at once; `progress` counts them anew.
    virtual void come_back() = 0;
    /// Nothing new is sent. `ticks`: what the app server has sent by itself.
    virtual void settle(const SendLog& ticks) = 0;
    /// Waits until everything has arrived, or `Options::settle` has passed, and compares.
    virtual Result finish() = 0;
};

/// Clients [first, end) of the run, on `options.workers` threads of this process.
std::unique_ptr<Shard> make_local_shard(const Options& options, std::uint32_t first, std::uint32_t end);

/// The same in a process of its own. To be made before any thread is.
std::unique_ptr<Shard> make_forked_shard(const Options& options, std::uint32_t first, std::uint32_t end);

}  // namespace trunkline::load
