#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <vector>

#include "net/endpoint.hpp"
#include "net/unique_fd.hpp"
#include "tests/load/client.hpp"
#include "tests/load/options.hpp"
#include "tests/load/profile.hpp"
#include "tests/load/result.hpp"

namespace trunkline::load {

/// Nanoseconds of the steady clock, which is one for all processes of a machine.
std::int64_t now_ns();

/// Where a run stands. The main thread moves it on; workers look at it at least every 10 ms.
enum class Phase : int {
    connecting,
    running,   ///< messages
    leaving,   ///< profile connect: all are closed at once, and come back
    settling,  ///< nothing new is sent; what is under way may arrive
    ended,
};

/// What the threads of a shard share. Times are written before the phase that makes them matter.
struct Shared {
    std::atomic<Phase> phase{Phase::connecting};
    std::atomic<std::int64_t> begin_ns{Client::kNever};  ///< of the messages
    std::atomic<std::int64_t> measure_from_ns{Client::kNever};
    std::atomic<std::int64_t> measure_until_ns{Client::kNever};
    std::atomic<std::size_t> connected{0};  ///< ready, joined where that is asked for
    std::atomic<std::size_t> failed{0};     ///< never were
    std::atomic<std::uint64_t> sent{0};     ///< for the progress line
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> errors{0};
    std::mutex latency_mutex;
    Histogram latency;                       ///< of the seconds that are over, until the main thread takes it
    std::atomic<unsigned> quiet{0};          ///< workers that send nothing new any more
    std::atomic<const Logs*> logs{nullptr};  ///< then: what was sent, for `settled`
    std::atomic<unsigned> settled{0};        ///< workers whose clients have got all of it
};

/// One thread with its share of the clients: an epoll set and a heap of times.
class Worker {
  public:
    /// `first` and then every `step`-th client of the run, as many as there are below `end`.
    Worker(const Options& options, const Profile& profile, Shared& shared, std::uint32_t first, std::uint32_t step,
           std::uint32_t end);

    /// The thread's function: until the phase is `ended`.
    void run();

    // --- For profiles ---

    /// Sends the next message of this client, due at `due_ns`, of the run's size, with `tail` behind the stamp.
    void send(Client& client, std::int64_t due_ns, std::string_view tail = {});
    /// Calls `on_due` at that time.
    void wake(Client& client, std::int64_t at_ns) { times_.push({at_ns, client.slot}); }
    /// Whether new messages may still be sent.
    bool may_send() const noexcept { return shared_.phase.load(std::memory_order_acquire) == Phase::running; }
    Shared& shared() noexcept { return shared_; }

    // --- For clients ---
    void on_open(Client& client);
    void on_message(Client& client, std::string_view payload);
    void on_closed(Client& client);
    /// A message came to it that is for somebody else.
    void on_stray(Client& client);

    /// After the end of the thread.
    const std::vector<std::unique_ptr<Client>>& clients() const noexcept { return clients_; }
    Result& result() noexcept { return result_; }

  private:
    struct Due {
        std::int64_t at_ns;
        std::uint32_t slot;
        bool operator<(const Due& other) const noexcept { return at_ns > other.at_ns; }
    };

    void connect_more(std::int64_t now);
    void start(Client& client, std::int64_t now);
    void ready(Client& client, std::int64_t now);
    void turn();
    void on_phase(Phase phase, std::int64_t now);
    void look_if_settled(std::int64_t now);
    Second& second_at(std::int64_t now);
    void tell_latency(std::int64_t now);
    bool is_measured(std::int64_t at_ns) const noexcept {
        return at_ns >= shared_.measure_from_ns.load(std::memory_order_relaxed) &&
               at_ns < shared_.measure_until_ns.load(std::memory_order_relaxed);
    }
    std::string request_head(const Client& client) const;

    const Options& options_;
    const Profile& profile_;
    Shared& shared_;
    net::UniqueFd epoll_;
    std::vector<net::SocketAddress> targets_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<std::uint32_t> to_connect_;
    std::vector<std::uint32_t> under_way_;  // clients that connect, for their time limit
    std::size_t next_to_connect_ = 0;
    std::size_t handshakes_ = 0;
    std::size_t handshakes_at_most_ = 1;
    std::int64_t connect_began_ns_ = 0;
    std::int64_t connect_cpu_ns_ = 0;  // of this thread, by then
    Phase phase_ = Phase::connecting;
    bool is_settled_ = false;
    std::int64_t looked_ns_ = 0;
    std::size_t told_seconds_ = 0;  // whose latency the main thread was told
    bool is_back_ = false;          // profile connect: this is the second time
    std::priority_queue<Due> times_;
    Result result_;
};

}  // namespace trunkline::load
