#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/load/options.hpp"
#include "tests/load/progress.hpp"
#include "tests/load/result.hpp"
#include "tests/load/send_logs.hpp"

namespace trunkline::load {

/// A part of the clients, in this process or in one of its own. The main thread drives it step by step; each step
/// returns at once, but for those that answer. What goes wrong in a process of its own throws std::runtime_error.
class Shard {
  public:
    virtual ~Shard() = default;
    virtual Progress progress() = 0;
    /// Messages begin at `begin_ns`, and are measured from and until.
    virtual void begin(std::int64_t begin_ns, std::int64_t from_ns, std::int64_t until_ns) = 0;
    /// Profile connect: all are closed, and come back at once; `progress` counts them anew.
    virtual void come_back() = 0;
    /// Nothing new is sent.
    virtual void settle() = 0;
    /// What its clients have sent.
    virtual SendLogs sent() = 0;
    /// What others have sent to its clients: the app server by itself, and clients of other shards.
    virtual void expect(const SendLogs& logs) = 0;
    /// Waits until everything has arrived, or `Options::settle` has passed; its clients are closed.
    virtual Heard finish() = 0;
    /// Compares, knowing how far each sender was heard in all shards.
    virtual Result judge(const Heard& heard) = 0;
};

/// Clients [first, end) of the run, on `options.workers` threads of this process.
std::unique_ptr<Shard> make_local_shard(const Options& options, std::uint32_t first, std::uint32_t end);

/// The same in a process of its own. To be made before any thread is.
std::unique_ptr<Shard> make_forked_shard(const Options& options, std::uint32_t first, std::uint32_t end);

}  // namespace trunkline::load
