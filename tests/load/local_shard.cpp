#include <algorithm>
#include <chrono>
#include <thread>

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
        return {shared_.connected, shared_.failed, shared_.sent, shared_.received, shared_.lost, round_};
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
    void settle(const SendLog& ticks) override {
        ticks_ = ticks;
        shared_.phase.store(Phase::settling, std::memory_order_release);
    }

    Result finish() override {
        wait_until_settled();
        join();
        Result result;
        result.measured_seconds =
            std::min(1e-9 * static_cast<double>(shared_.measure_until_ns - shared_.measure_from_ns), 1e9);
        find_last_received();
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
    void wait_until_settled() {
        const auto until = now_ns() + options_.settle.count();
        const auto workers = workers_.size();
        const auto wait_for = [&](const std::atomic<unsigned>& count) {
            while (count.load(std::memory_order_acquire) < workers && now_ns() < until) {
                std::this_thread::sleep_for(std::chrono::milliseconds(2));
            }
            return count.load(std::memory_order_acquire) >= workers;
        };
        if (!wait_for(shared_.quiet)) return;
        logs_.clear();
        for (std::uint32_t id = first_; id < end_; ++id) logs_.push_back(&client_of(id).log);
        shared_.logs.store(this, std::memory_order_release);
        wait_for(shared_.settled);
    }
    void join() {
        shared_.phase.store(Phase::ended, std::memory_order_release);
        for (auto& thread : threads_) thread.join();
        threads_.clear();
    }

    const Client& client_of(std::uint32_t id) const {
        const auto step = static_cast<std::uint32_t>(workers_.size());
        return *workers_[(id - first_) % step]->clients()[(id - first_) / step];
    }

    /// What a sender that was closed sent last may have been lost with its connection: of that, only what came to
    /// somebody had to come to all.
    void find_last_received() {
        logs_.assign(end_ - first_, nullptr);
        for (std::uint32_t id = first_; id < end_; ++id) {
            if (client_of(id).left_ns == Client::kNever) logs_[id - first_] = &client_of(id).log;
        }
        for (std::uint32_t id = first_; id < end_; ++id) {
            for (const auto& [sender, stream] : client_of(id).streams) {
                if (sender < first_ || sender >= end_ || client_of(sender).left_ns == Client::kNever) continue;
                auto& cut = cut_logs_[sender];
                const SendLog& whole = client_of(sender).log;
                while (cut.count() < std::min(stream.end(), whole.count())) cut.sent(whole.time_of(cut.count()));
                logs_[sender - first_] = &cut;
            }
        }
    }
    const SendLog* log_of(std::uint32_t sender) const override {
        if (sender == kAppSender) return &ticks_;
        return sender >= first_ && sender < end_ ? logs_[sender - first_] : nullptr;
    }

    const Options& options_;
    const std::unique_ptr<Profile> profile_;
    const std::uint32_t first_;
    const std::uint32_t end_;
    Shared shared_;
    std::uint32_t round_ = 0;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::thread> threads_;
    SendLog ticks_;
    std::vector<const SendLog*> logs_;
    std::unordered_map<std::uint32_t, SendLog> cut_logs_;
};

}  // namespace

std::unique_ptr<Shard> make_local_shard(const Options& options, std::uint32_t first, std::uint32_t end) {
    return std::make_unique<LocalShard>(options, first, end);
}

}  // namespace trunkline::load
