#pragma once

#include <atomic>
#include <functional>
#include <string_view>
#include <thread>

#include "appserver-sdk/src/core/outgoing.hpp"
#include "trunkline/protocol/bytes.hpp"

namespace trunkline {

/// The calls of the app in their order: a call on the loop is carried out at once, a call of another thread goes
/// through `Outgoing`, and before anything happens on the loop the calls that were made before it are taken from there.
class Calls {
  public:
    /// Carries out one call of another thread. The frame is valid during the call.
    using Execute = std::function<void(Call& call, std::string_view frame)>;

    Calls(Outgoing& outgoing, Execute execute) : outgoing_(outgoing), execute_(std::move(execute)) {}

    // --- Any thread ---

    bool is_on_loop() const noexcept {
        return loop_thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }
    /// An empty buffer of this thread to encode one frame into. The next call of the app reuses it.
    protocol::Buffer& begin_frame();
    /// Runs `task` on the loop.
    void post(std::function<void()> task);

    // --- On the loop ---

    /// The calling thread is the loop's from now on, or, with the default id, no thread is.
    void set_loop_thread(std::thread::id thread) { loop_thread_.store(thread); }

    /// Carries out all calls of other threads that wait. Does nothing within itself.
    void take();

    /// Fan-outs reach this pool from now on.
    void add_pool(const std::shared_ptr<PoolBudget>& pool);

    /// Carries out the calls that took room by the old number of lanes and then calls `write_marks`. The new number
    /// decides the home lanes of all calls after that.
    template <class WriteMarks>
    void set_lanes(PoolBudget& pool, std::uint32_t lanes, WriteMarks write_marks) {
        do take();
        while (!outgoing_.set_lanes(pool, lanes, write_marks));
    }

  private:
    Outgoing& outgoing_;
    const Execute execute_;
    std::atomic<std::thread::id> loop_thread_{};
    CallBatch taken_;
    bool is_taking_ = false;
};

}  // namespace trunkline
