#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.hpp"
#include "net/mailbox.hpp"
#include "trunkline/protocol/bytes.hpp"

namespace trunkline::proxy {

/// Carries verbs from one worker to all others of its proxy. An app server of a dialect that says a verb once, on one
/// link, means the connections of all workers: the worker that has the link applies the verb and posts it here. (A
/// native app server says each verb on every lane, so nothing of its crosses.)
///
/// What one worker posts takes effect on every other one in the order of the calls, once, and soon: the posts of a turn
/// cross together, with one lock and one wake for each receiver. Outlives its workers.
class VerbBus {
  public:
    /// `upstream` by its name, and the body of the frame: the MessagePack array without its length.
    using Receive = std::function<void(std::string_view upstream, protocol::Bytes body)>;

    explicit VerbBus(std::size_t workers);
    ~VerbBus();
    VerbBus(const VerbBus&) = delete;
    VerbBus& operator=(const VerbBus&) = delete;

    /// From now on `receive` is called on this loop for what others post. Once for each worker, on one thread, before
    /// any of the loops runs.
    void join(std::size_t worker, net::Loop& loop, Receive receive);
    /// Nothing arrives any more, and nothing is kept for this worker. On its loop; idempotent.
    void leave(std::size_t worker);

    /// Gives a verb to all other workers that have not left. On the loop of `worker`. False, and nobody gets it, if
    /// more than `kMaxWaitingBytes` wait for one of them: try again in a later turn, before anything that has to come
    /// behind.
    [[nodiscard]] bool post(std::size_t worker, std::string_view upstream, protocol::Bytes body);

    static constexpr std::size_t kMaxWaitingBytes = 4 << 20;

  private:
    struct Block;
    class Stop;

    std::vector<std::unique_ptr<Stop>> stops_;  // by worker
};

}  // namespace trunkline::proxy
