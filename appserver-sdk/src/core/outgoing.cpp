#include "appserver-sdk/src/core/outgoing.hpp"

#include <algorithm>
#include <utility>

namespace trunkline {

std::error_code Outgoing::submit(Call call, std::string_view frame) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return errc::closed;
    const auto error =
        reserve(call.to, pools_, frame.size(), call.request, limits_,
                [this](const PoolBudget& pool, std::size_t lane) { return has_room(pool.lane[lane], limits_); });
    if (error) return error;
    push(std::move(call), frame);
    return {};
}

std::error_code Outgoing::submit_control(Call call, std::string_view frame) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return errc::closed;
    push(std::move(call), frame);
    return {};
}

std::error_code Outgoing::submit_accept(const std::shared_ptr<ConnectionState>& state, std::string_view frame) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return errc::closed;
    if (const auto error = open_phase(*state)) return error;
    Call call;
    call.what = Call::What::accept;
    call.to.connection = state;
    push(std::move(call), frame);
    return {};
}

void Outgoing::push(Call&& call, std::string_view frame) {
    call.frame_begin = waiting_.frames.size();
    call.frame_size = frame.size();
    waiting_.frames.append(frame);
    waiting_.calls.push_back(std::move(call));
    if (!pending_.exchange(true, std::memory_order_relaxed)) wake_();
}

void Outgoing::take(CallBatch& into) {
    const std::lock_guard lock(mutex_);
    std::swap(into.calls, waiting_.calls);
    std::swap(into.frames, waiting_.frames);
    pending_.store(false, std::memory_order_relaxed);
}

bool Outgoing::add_pool(const std::shared_ptr<PoolBudget>& pool) {
    const std::lock_guard lock(mutex_);
    if (!waiting_.calls.empty()) return false;
    pools_.push_back(pool);
    return true;
}

void Outgoing::remove_pool(const std::shared_ptr<PoolBudget>& pool) {
    const std::lock_guard lock(mutex_);
    std::erase(pools_, pool);
}

void Outgoing::add_connection(const std::shared_ptr<ConnectionState>& state) {
    const std::lock_guard lock(mutex_);
    // A client that was opened again may still have its older attachment here: the key must be a view of the value.
    connections_.erase(state->request.id);
    connections_.emplace(state->request.id, state);
}

void Outgoing::remove_connection(const ConnectionState& state) {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(state.request.id);
    if (found != connections_.end() && found->second.get() == &state) connections_.erase(found);
}

std::shared_ptr<ConnectionState> Outgoing::find(std::string_view id) const {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(id);
    return found == connections_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<ConnectionState>> Outgoing::connections() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<ConnectionState>> all;
    all.reserve(connections_.size());
    for (const auto& entry : connections_) all.push_back(entry.second);
    return all;
}

std::size_t Outgoing::connection_count() const {
    const std::lock_guard lock(mutex_);
    return connections_.size();
}

void Outgoing::set_proxies(std::vector<ProxyInfo> proxies) {
    const std::lock_guard lock(mutex_);
    proxies_ = std::move(proxies);
}

std::vector<ProxyInfo> Outgoing::proxies() const {
    const std::lock_guard lock(mutex_);
    return proxies_;
}

void Outgoing::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
}

std::int32_t Outgoing::next_request() noexcept {
    // From 1 to 2^31-1 and round again; no request is open for so many others.
    return static_cast<std::int32_t>(next_request_.fetch_add(1, std::memory_order_relaxed) % 0x7fffffffU) + 1;
}

}  // namespace trunkline
