#pragma once

#include <cassert>
#include <cstddef>
#include <functional>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

namespace trunkline::net {

/// Messages from any thread to one loop, in the order of the calls: the only way into a loop from outside. Writers
/// append under a lock; the reader is woken once per batch, not once per message, and takes all of them at once.
/// Unbounded: who may write without limit has to count for himself. Outlives its writers.
template <class T>
class Mailbox {
  public:
    /// `wake` is called on the writer's thread, outside the lock, when the first message since the last `drain` has
    /// arrived. It has to make the reader call `drain` soon (a post to its io_context) and may be called from several
    /// threads at once.
    explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    /// Any thread. False once the mailbox is closed; the message is dropped then.
    [[nodiscard]] bool push(T message) {
        return append([&](std::vector<T>& queue) { queue.push_back(std::move(message)); });
    }

    /// Any thread. All of `messages` with one lock and one wake; it is empty afterwards and keeps its capacity.
    [[nodiscard]] bool push_all(std::vector<T>& messages) {
        if (messages.empty()) return true;
        const bool taken = append([&](std::vector<T>& queue) {
            queue.insert(queue.end(), std::make_move_iterator(messages.begin()),
                         std::make_move_iterator(messages.end()));
        });
        messages.clear();
        return taken;
    }

    /// The reader's thread. Calls `on_message(T&&)` for all that has arrived so far and says for how many; what arrives
    /// meanwhile wakes again. `on_message` may push, but not drain.
    template <class OnMessage>
    std::size_t drain(OnMessage&& on_message) {
        assert(batch_.empty() && "drain inside drain");
        {
            const std::lock_guard lock(mutex_);
            batch_.swap(queue_);
            reader_woken_ = false;
        }
        for (T& message : batch_) on_message(std::move(message));
        const std::size_t count = batch_.size();
        batch_.clear();
        if (batch_.capacity() > kKeepMessages) std::vector<T>().swap(batch_);
        return count;
    }

    /// Any thread. Nothing is taken any more; what was taken can still be drained.
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }

  private:
    static constexpr std::size_t kKeepMessages = 4096;  ///< a burst's capacity beyond this is given back

    template <class Add>
    bool append(Add&& add) {
        bool sleeping = false;
        {
            const std::lock_guard lock(mutex_);
            if (closed_) return false;
            add(queue_);
            sleeping = !std::exchange(reader_woken_, true);
        }
        if (sleeping) wake_();
        return true;
    }

    const std::function<void()> wake_;

    // Shared, under the mutex.
    std::mutex mutex_;
    std::vector<T> queue_;
    bool reader_woken_ = false;
    bool closed_ = false;

    // The reader's.
    std::vector<T> batch_;
};

}  // namespace trunkline::net
