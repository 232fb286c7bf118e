#include "proxy/daemon/proxy_status.hpp"

#include "proxy/log/logging.hpp"

#include <utility>

namespace trunkline::proxy {

ProxyStatus::ProxyStatus(std::vector<const WorkerCounters*> workers, std::function<Clock::time_point()> now)
    : workers_(std::move(workers)),
      now_(std::move(now)),
      exposition_(workers_, dropped_log_lines, [this] { return is_draining_.load(std::memory_order_relaxed); }) {}

std::int64_t ProxyStatus::connections() const {
    std::int64_t open = 0;
    for (const auto* worker : workers_) {
        worker->for_each_upstream(
            [&](const std::string&, const UpstreamCounters& counters) { open += counters.connections.value(); });
    }
    return open;
}

AdminSource::Answer ProxyStatus::health() {
    std::string stuck;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        const auto since = now_() - workers_[i]->turned_at();
        if (since <= kMaxTurn) continue;
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since).count();
        stuck += "worker " + std::to_string(i) + " has not turned for " + std::to_string(seconds) + " s\n";
    }
    return stuck.empty() ? Answer{true, "ok\n"} : Answer{false, std::move(stuck)};
}

AdminSource::Answer ProxyStatus::readiness() {
    std::vector<std::string> names;
    workers_.front()->for_each_upstream([&](const std::string& name, const auto&) { names.push_back(name); });
    std::vector<std::vector<UpstreamSnapshot>> boards;
    boards.reserve(workers_.size());
    for (const auto* worker : workers_) boards.push_back(worker->upstream_board.read());
    return readiness_.answer(names, boards, is_draining_.load(std::memory_order_relaxed), now_());
}

std::string ProxyStatus::metrics() { return exposition_.text(); }

}  // namespace trunkline::proxy
