#include "appserver-sdk/src/core/tasks.hpp"

#include <utility>

namespace trunkline {
namespace {

constexpr int kMostRounds = 100;  // of tasks that defer others, at the end

}  // namespace

/// A task with a time. Owned by Tasks until then.
class Tasks::DelayedTask final : public net::WheelHook {
  public:
    DelayedTask(Tasks& tasks, std::function<void()> task) : tasks_(tasks), task_(std::move(task)) {}

  private:
    void on_deadline(net::Clock::time_point) override {
        tasks_.defer(std::move(task_));
        tasks_.delayed_.erase(this);
    }

    Tasks& tasks_;
    std::function<void()> task_;
};

Tasks::Tasks(net::Loop& loop, Callbacks& callbacks) : loop_(loop), callbacks_(callbacks) {}

Tasks::~Tasks() = default;

void Tasks::defer(std::function<void()> task) {
    deferred_.push_back(std::move(task));
    if (std::exchange(is_posted_, true)) return;
    loop_.post([this] { run_deferred(); });
}

void Tasks::run_at(net::Clock::time_point when, std::function<void()> task) {
    auto delayed = std::make_unique<DelayedTask>(*this, std::move(task));
    DelayedTask* key = delayed.get();
    loop_.schedule(*key, when);
    delayed_.emplace(key, std::move(delayed));
}

void Tasks::run_deferred() {
    is_posted_ = false;
    const auto begin = net::Clock::now();
    for (auto& task : std::exchange(deferred_, {})) callbacks_.run("a task", task);
    callbacks_.check_time(begin, "the tasks of one turn");
}

void Tasks::finish() {
    for (int round = 0; round < kMostRounds && !deferred_.empty(); ++round) run_deferred();
    deferred_.clear();
    delayed_.clear();
}

}  // namespace trunkline
