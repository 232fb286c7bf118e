#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "tests/load/profile.hpp"
#include "tests/load/shard.hpp"
#include "tests/load/worker.hpp"

namespace trunkline::load {
namespace {

class LocalShard final : public Shard, private Logs {
  public:
    LocalShard(const Options& options, std::uint32_t first, std::uint32_t end)
        : options_(options), profile_(Profile::make(options)), first_(first), end_(end) {
        const unsigned workers = std::max(1u, std::min(options.workers, end - first));
        for (unsigned i = 0; i < workers; ++i) {
            workers_.push_back(std::make_unique<Worker>(options_, *profile_, shared_, first + i, workers, end));
        }
        for (const auto& worker : workers_) threads_.emplace_back([&worker = *worker] { worker.run(); });
    }
    ~LocalShard() override { join(); }

    Progress progress() override {
        Progress progress{
            shared_.connected, shared_.failed, shared_.sent, shared_.received, shared_.errors, round_, {}};
        const std::lock_guard lock(shared_.latency_mutex);
        std::swap(progress.latency, shared_.latency);
        return progress;
    }
    void begin(std::int64_t begin_ns, std::int64_t from_ns, std::int64_t until_ns) override {
        shared_.begin_ns = begin_ns;
        shared_.measure_from_ns = from_ns;
        shared_.measure_until_ns = until_ns;
        shared_.phase.store(Phase::running, std::memory_order_release);
    }
    void come_back() override {
        shared_.connected = shared_.failed = 0;
        round_ = 1;
        shared_.phase.store(Phase::leaving, std::memory_order_release);
    }
    void settle() override { shared_.phase.store(Phase::settling, std::memory_order_release); }

    SendLogs sent() override {
        wait_until_quiet();
        SendLogs logs;
        for (std::uint32_t id = first_; id < end_; ++id) {
            if (client_of(id).log.count() != 0) logs.add(id, client_of(id).log);
        }
        return logs;
    }
    void expect(const SendLogs& logs) override {
        wait_until_quiet();
        others_ = logs;
        shared_.logs.store(this, std::memory_order_release);
    }
    Heard finish() override {
        const auto until = now_ns() + options_.settle.count();
        while (shared_.settled.load(std::memory_order_acquire) < workers_.size() && now_ns() < until) pause();
        join();
        Heard heard;
        for (std::uint32_t id = first_; id < end_; ++id) {
            const Client& client = client_of(id);
            if (client.left_ns != Client::kNever) heard.closed.insert(id);
            for (const auto& [sender, stream] : client.streams) heard.hear(sender, stream.end());
        }
        return heard;
    }
    Result judge(const Heard& heard) override {
        for (const auto sender : heard.closed) {
            if (is_here(sender)) cut_.add(sender, client_of(sender).log);
            cut_.cut(sender, heard.end_of(sender));
            others_.cut(sender, heard.end_of(sender));
        }
        Result result;
        result.measured_seconds =
            std::min(1e-9 * static_cast<double>(shared_.measure_until_ns - shared_.measure_from_ns), 1e9);
        for (const auto& worker : workers_) {
            result.merge(worker->result());
            for (const auto& client : worker->clients()) {
                if (client->joined_ns != Client::kNever) result.verdict.add(profile_->judge(*client, *this));
            }
        }
        result.clients = end_ - first_;
        return result;
    }

  private:
    static void pause() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }
    /// Until every worker has seen that nothing new is to be sent: they look every 10 ms.
    void wait_until_quiet() {
        while (shared_.quiet.load(std::memory_order_acquire) < workers_.size()) pause();
    }
    void join() {
        shared_.phase.store(Phase::ended, std::memory_order_release);
        for (auto& thread : threads_) thread.join();
        threads_.clear();
    }

    bool is_here(std::uint32_t id) const { return id >= first_ && id < end_; }
    const Client& client_of(std::uint32_t id) const {
        const auto step = static_cast<std::uint32_t>(workers_.size());
        return *workers_[(id - first_) % step]->clients()[(id - first_) / step];
    }
    const SendLog* log_of(std::uint32_t sender) const override {
        if (!is_here(sender)) return others_.log_of(sender);
        const SendLog* cut = cut_.log_of(sender);
        return cut != nullptr ? cut : &client_of(sender).log;
    }

    const Options& options_;
    const std::unique_ptr<Profile> profile_;
    const std::uint32_t first_;
    const std::uint32_t end_;
    Shared shared_;
    std::uint32_t round_ = 0;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::thread> threads_;
    SendLogs others_;  // of senders elsewhere
    SendLogs cut_;     // of those here that were closed
};

}  // namespace

std::unique_ptr<Shard> make_local_shard(const Options& options, std::uint32_t first, std::uint32_t end) {
    return std::make_unique<LocalShard>(options, first, end);
}

}  // namespace trunkline::load
