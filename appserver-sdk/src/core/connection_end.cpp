// How a connection ends: by its client, its proxy, the app, or because another app server takes it.
#include <utility>

#include "appserver-sdk/src/core/connections.hpp"
#include "appserver-sdk/src/core/core.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline {

void Connections::on_closed(const StatePtr& state, Disconnect disconnect) {
    const bool is_closing = state->phase.load(std::memory_order_acquire) == Phase::ended;  // by another thread
    leave_pool(*state);
    if (!state->is_answered || state->parked.empty() || is_closing) {
        parking_.drop(*state);
        return tell(state, disconnect);
    }
    // Paused: the app is given the messages before the end first. No more will come, so nothing is left to pause.
    state->parked_end = std::move(disconnect);
    state->is_paused = false;
    lingering_.insert(state);
    unpark_later(state);
}

void Connections::apply_close(const StatePtr& state, std::string_view frame, Disconnect&& disconnect) {
    PoolLane* lane = home_lane(*state);
    if (lane == nullptr) {  // the other side was first
        if (!state->parked_end) return;
        parking_.drop(*state);
        return tasks_.defer([this, state] { tell(state, Disconnect(*state->parked_end)); });
    }
    lane->pool.append_control(*lane, frame);
    leave_pool(*state);
    parking_.drop(*state);
    tasks_.defer([this, state, disconnect = std::move(disconnect)] { tell(state, disconnect); });
}

void Connections::on_detach(const StatePtr& state) {
    if (state->phase.load(std::memory_order_acquire) == Phase::ended) return;  // the app closes it
    state->is_detaching = true;
    // The proxy sends no Backlog of this client any more, so nobody may wait until it keeps up.
    if (state->backlogged.exchange(false, std::memory_order_relaxed)) writability_.check(*state);
    finish_detach(state);
}

/// Answers Detached when the app was given all messages of the client, and has neither paused it nor left it
/// unanswered.
void Connections::finish_detach(const StatePtr& state) {
    if (!state->is_detaching || !state->is_answered || state->is_paused || !state->parked.empty()) return;
    // First no thread can send any more, then goes out what threads were told was taken. So no send is lost in between.
    if (state->phase.exchange(Phase::ended, std::memory_order_acq_rel) == Phase::ended) return;  // the app closes it
    outgoing_.remove_connection(*state);
    calls_.take();
    PoolLane* lane = home_lane(*state);
    if (lane == nullptr) return;
    protocol::Buffer frame;
    protocol::append(frame, protocol::Detached{state->chan});
    lane->pool.append_control(*lane, frame);
    leave_pool(*state);
    tasks_.defer([this, state] { tell(state, {ClosedBy::migrated, 0, "the app server drains"}); });
}

void Connections::end_all(Pool& pool, const Disconnect& disconnect) {
    auto ended = pool.connections().all();
    for (const auto& state : ended) {
        leave_pool(*state);
        parking_.drop(*state);
    }
    std::vector<StatePtr> left_over;
    for (const auto& state : lingering_) {
        if (state->budget == pool.budget()) left_over.push_back(state);
    }
    for (const auto& state : left_over) parking_.drop(*state);
    tasks_.defer([this, ended = std::move(ended), left_over = std::move(left_over), disconnect] {
        for (const auto& state : ended) tell(state, disconnect);
        for (const auto& state : left_over) tell(state, Disconnect(*state->parked_end));
    });
}

void Connections::leave_pool(ConnectionState& state) {
    state.phase.store(Phase::ended, std::memory_order_release);
    state.room_hook.unlink();
    state.pause_hook.unlink();
    if (state.pool != nullptr) state.pool->connections().erase(state.chan);
    state.pool = nullptr;
    outgoing_.remove_connection(state);
    writability_.fail(state);
}

void Connections::tell(const StatePtr& state, const Disconnect& disconnect) {
    if (std::exchange(state->is_told, true)) return;
    lingering_.erase(state);
    const auto& on_disconnect = callbacks_.handlers.on_disconnect;
    if (on_disconnect) callbacks_.run("on_disconnect", [&] { on_disconnect(Core::handle(state), disconnect); });
}

}  // namespace trunkline
