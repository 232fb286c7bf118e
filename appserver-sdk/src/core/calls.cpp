#include "appserver-sdk/src/core/calls.hpp"

#include <utility>

namespace trunkline {

protocol::Buffer& Calls::begin_frame() {
    // Before anything is encoded: the calls of other threads go first, and when they are freed, code of the app may
    // run, which may call this too.
    if (is_on_loop()) take();
    constexpr std::size_t kKeep = 64 << 10;
    thread_local protocol::Buffer buffer;
    if (buffer.capacity() > kKeep) protocol::Buffer().swap(buffer);
    buffer.clear();
    return buffer;
}

void Calls::post(std::function<void()> task) {
    Call call;
    call.what = Call::What::task;
    call.task = std::move(task);
    outgoing_.submit_control(std::move(call));
}

void Calls::take() {
    if (is_taking_ || !outgoing_.has_pending()) return;
    is_taking_ = true;
    outgoing_.take(taken_);
    for (Call& call : taken_.calls) {
        execute_(call, std::string_view(taken_.frames).substr(call.frame_begin, call.frame_size));
    }
    taken_.calls.clear();
    taken_.frames.clear();
    constexpr std::size_t kKeep = 1 << 20;
    if (taken_.frames.capacity() > kKeep) taken_ = {};
    is_taking_ = false;
}

void Calls::add_pool(const std::shared_ptr<PoolBudget>& pool) {
    do take();
    while (!outgoing_.add_pool(pool));
}

}  // namespace trunkline
