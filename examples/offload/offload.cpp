// How work that takes time leaves the loop: a few threads take it from a queue and answer from where they are. A client
// sends a number and gets its largest prime factor.
#include "../listen_option.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

/// Threads that run tasks in the order in which they came. The destructor lets running ones end and drops the rest.
class Workers {
  public:
    explicit Workers(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this](std::stop_token stop) { run(stop); });
    }

    /// False if too much waits already: the queue is bounded like everything else.
    bool add(std::function<void()> task) {
        {
            const std::lock_guard lock(mutex_);
            if (tasks_.size() >= 10'000) return false;
            tasks_.push_back(std::move(task));
        }
        wake_.notify_one();
        return true;
    }

  private:
    void run(std::stop_token stop) {
        std::unique_lock lock(mutex_);
        while (wake_.wait(lock, stop, [this] { return !tasks_.empty(); })) {
            if (stop.stop_requested()) return;
            const auto task = std::move(tasks_.front());
            tasks_.pop_front();
            lock.unlock();
            task();
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::deque<std::function<void()>> tasks_;
    std::vector<std::jthread> threads_;  // last: they end before what they use
};

std::uint64_t largest_prime_factor(std::uint64_t number) {
    std::uint64_t largest = number;
    for (std::uint64_t factor = 2; factor <= number / factor;) {
        if (number % factor == 0)
            number /= factor;
        else
            ++factor;
        largest = number;
    }
    return largest;
}

int main(int argc, char** argv) {
    const auto address = listen_option(argc, argv);
    trunkline::AppServer server(example_options());
    Workers workers(2);
    server.on_message([&](const trunkline::Connection& connection, const trunkline::Message& message) {
        const auto number = std::strtoull(std::string(message.bytes).c_str(), nullptr, 10);
        // One task at a time for each client, so that its answers keep the order of its questions: it is paused until
        // its answer is on its way. The handle is copied into the task and stays valid whatever happens to the client.
        connection.pause();
        const bool taken = workers.add([connection, number] {
            const auto error = connection.send(std::to_string(largest_prime_factor(number)));
            if (error == trunkline::errc::would_block) connection.close(1013, "too slow");
            connection.resume();
        });
        if (!taken) connection.close(1013, "too much to do");
    });
    return serve(server, address);
}
