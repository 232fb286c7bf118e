// The life of a connection on the loop: opened, answered, fed, paused, ended, told.

#include <algorithm>
#include <iterator>
#include <utility>

#include "appserver-sdk/src/core.hpp"

namespace trunkline {

LaneSlot* Core::slot_of(const ConnectionState& state) const {
    return state.pool == nullptr ? nullptr : state.pool->lanes()[state.lane()].get();
}

// --- Begin ---

protocol::Result<void> Core::on_open(LaneSlot& slot, const protocol::Open& open) {
    Pool& pool = slot.pool;
    auto state = std::make_shared<ConnectionState>(shared_from_this(), open, pool.budget(), pool.peer().id());
    const Connection connection(state);
    if (!pool.connections().insert(open.chan, connection)) return protocol::errc::bad_chan;
    state->pool = &pool;
    outgoing.add_connection(state);
    if (!handlers.on_connect) {
        accept(state, {});
        return protocol::success();
    }
    // If it throws, the answer is dropped on the way, which refuses.
    if (!guarded("on_connect", [&] { handlers.on_connect(connection, Answer(state)); })) close(state, 1011, {});
    return protocol::success();
}

void Core::apply_accept(const std::shared_ptr<ConnectionState>& state, std::string_view frame) {
    LaneSlot* slot = slot_of(*state);
    if (slot == nullptr) return;
    state->is_answered = true;
    if (!frame.empty()) slot->pool.append_control(*slot, frame);
    apply_pause(state);
    if (!state->parked.empty() || state->leaves) unpark_later(state);
    if (!state->writable_waiters.empty()) defer([this, state] { check_writable(state); });
}

// --- Messages ---

/// Closes a connection for which more waits than can be kept, and drops that.
void Core::give_up(const std::shared_ptr<ConnectionState>& state) {
    log(LogLevel::warning, "connection " + std::string(state->request.id) + " closed: too much waits to be handled");
    close(state, 1013, "too much waits to be handled");
    drop_parked(*state);
    if (state->parked_end) unpark_later(state);  // its client had left: that is all there is to tell
}

void Core::on_data(const Connection& connection, const Message& message) {
    const auto& state = connection.state_;
    if (state->phase.load(std::memory_order_relaxed) == Phase::ended) return;  // the app has closed it
    if (state->is_answered && !state->is_paused && state->parked.empty()) return deliver(connection, message);

    // A message that cannot be kept costs its own connection. To leave it in the lane would cost all who share that,
    // and for ever if what the app waits for, a Backlog or an ack, stands behind it.
    const std::size_t bytes = cost_of(message.bytes);
    const bool is_first = state->parked.empty();
    if (!is_first && state->parked_bytes + bytes > limits().parked_per_connection) return give_up(state);
    while (parked_bytes_ + bytes > limits().parked_in_all) {
        // Whoever keeps most pays, not who comes next.
        const auto most = std::max_element(parking_.begin(), parking_.end(), [](const auto& a, const auto& b) {
            return a.second->parked_bytes < b.second->parked_bytes;
        });
        if (most == parking_.end() || most->second->parked_bytes < state->parked_bytes + bytes) return give_up(state);
        give_up(std::shared_ptr(most->second));
    }
    if (is_first) parking_.emplace(state.get(), state);
    state->parked.push_back({message.kind, message.redelivered, std::string(message.bytes)});
    state->parked_bytes += bytes;
    parked_bytes_ += bytes;
}

void Core::deliver(const Connection& connection, const Message& message) {
    if (!handlers.on_message) return;
    if (!guarded("on_message", [&] { handlers.on_message(connection, message); })) close(connection.state_, 1011, {});
}

void Core::apply_pause(const std::shared_ptr<ConnectionState>& state) {
    const bool wanted = state->wants_pause.load(std::memory_order_relaxed);
    if (wanted == state->is_paused || (!state->is_answered && state->pool != nullptr)) return;
    if (state->parked_end) return;  // the client has left: the rest is handed out, and then its end
    state->is_paused = wanted;
    if (LaneSlot* slot = slot_of(*state)) {
        slot->pool.append_pause(*slot, state);
    }
    if (!wanted) unpark_later(state);
}

void Core::unpark_later(const std::shared_ptr<ConnectionState>& state) {
    defer([this, state] { unpark(state); });
}

void Core::unpark(const std::shared_ptr<ConnectionState>& state) {
    const Connection connection(state);
    while (!state->is_paused && !state->parked.empty()) {
        LaneSlot* slot = slot_of(*state);
        if (slot != nullptr && !slot->pool.holds_lease(net::Clock::now())) return;
        if (slot != nullptr && !(has_room(*slot) && slot->lane.is_attached())) {
            // What a message causes is sent on this lane.
            wait_for_room(state, *slot);
            return;
        }
        const ParkedMessage message = std::move(state->parked.front());
        state->parked.pop_front();
        state->parked_bytes -= cost_of(message.bytes);
        parked_bytes_ -= cost_of(message.bytes);
        deliver(connection, {message.kind, message.bytes, message.redelivered});
    }
    if (state->parked.empty()) parking_.erase(state.get());
    if (state->parked.empty() && state->parked_end && !state->is_told) tell(state, Disconnect(*state->parked_end));
    finish_detach(state);
}

void Core::drop_parked(ConnectionState& state) {
    parked_bytes_ -= state.parked_bytes;
    state.parked_bytes = 0;
    state.parked.clear();
    parking_.erase(&state);
}

// --- Room ---

void Core::apply_wait(const std::shared_ptr<ConnectionState>& state, WritableCallback&& waiter) {
    if (state == nullptr) {
        all_writable_waiters_.push_back(std::move(waiter));
        return defer([this] { check_all_writable(); });
    }
    LaneSlot* slot = slot_of(*state);
    if (slot == nullptr) return defer([waiter = std::move(waiter)] { waiter(errc::closed); });
    state->writable_waiters.push_back(std::move(waiter));
    defer([this, state] { check_writable(state); });
}

void Core::wait_for_room(const std::shared_ptr<ConnectionState>& state, LaneSlot& slot) {
    if (!std::exchange(state->waits_for_room, true)) slot.waiting.push_back(state);
}

void Core::check_writable(const std::shared_ptr<ConnectionState>& state) {
    // Only those that wait now: a callback that waits again comes again in a later turn.
    auto waiters = std::exchange(state->writable_waiters, {});
    auto next = waiters.begin();
    for (; next != waiters.end(); ++next) {
        LaneSlot* slot = slot_of(*state);
        if (slot == nullptr) {
            guarded("a writable callback", [&] { (*next)(errc::closed); });
            continue;
        }
        // The answer, or on_backlog, comes back to this.
        if (!state->is_answered || state->backlogged.load(std::memory_order_relaxed)) break;
        if (!has_room(*slot)) {
            wait_for_room(state, *slot);
            break;
        }
        guarded("a writable callback", [&] { (*next)({}); });
    }
    state->writable_waiters.insert(state->writable_waiters.begin(), std::make_move_iterator(next),
                                   std::make_move_iterator(waiters.end()));
}

bool Core::is_all_writable() {
    bool any = false;
    for (Pool* pool : all_pools()) {
        if (!pool->is_up()) continue;
        any = true;
        for (const auto& slot : pool->lanes()) {
            if (!has_room(*slot)) return false;
        }
    }
    return any;
}

void Core::check_all_writable() {
    auto waiters = std::exchange(all_writable_waiters_, {});
    auto next = waiters.begin();
    for (; next != waiters.end() && is_all_writable(); ++next) guarded("a writable callback", [&] { (*next)({}); });
    all_writable_waiters_.insert(all_writable_waiters_.begin(), std::make_move_iterator(next),
                                 std::make_move_iterator(waiters.end()));
}

void Core::on_room(LaneSlot& slot) {
    if (!has_room(slot) || !slot.lane.is_attached()) return;
    wake_waiting(slot);
    if (!all_writable_waiters_.empty()) defer([this] { check_all_writable(); });
}

void Core::wake_waiting(LaneSlot& slot) {
    if (slot.waiting.empty()) return;
    defer([this, waiting = std::exchange(slot.waiting, {})] {
        for (const auto& state : waiting) {
            state->waits_for_room = false;
            unpark(state);
            check_writable(state);
        }
    });
}

void Core::append_pause_later(const std::shared_ptr<ConnectionState>& state) {
    defer([this, state] {
        if (LaneSlot* slot = slot_of(*state)) slot->pool.append_pause(*slot, state);
    });
}

void Core::on_resized(Pool& pool) {
    log(LogLevel::info, describe(pool.peer()) + ": the pool of worker " + std::to_string(pool.worker()) + " has " +
                            std::to_string(pool.budget()->lanes()) + " lanes");
    publish_proxies();
    for (const auto& slot : pool.lanes()) wake_waiting(*slot);
    if (!all_writable_waiters_.empty()) defer([this] { check_all_writable(); });
    defer([this, id = pool.id()] {  // what waited behind Marks
        if (Pool* found = find_pool(id)) found->go_on();
    });
}

void Core::on_backlog(const Connection& connection, bool on) {
    connection.state_->backlogged.store(on, std::memory_order_relaxed);
    if (!on) check_writable(connection.state_);
}

void Core::on_request_answered(LaneSlot& slot, std::int32_t id, AckStatus status) {
    auto outcome = requests_.on_answer(id, {&slot.pool, slot.index}, status);
    if (outcome.counted) slot.budget.open_requests.fetch_sub(1, std::memory_order_relaxed);
    if (outcome.completion) guarded("a completion", [&] { outcome.completion(outcome.status); });
}

// --- To another app server ---

void Core::on_detach(const Connection& connection) {
    const auto& state = connection.state_;
    if (state->phase.load(std::memory_order_acquire) == Phase::ended) return;  // the app closes it
    state->leaves = true;
    // The proxy says no more of this client, so nobody may wait here until it has read what waits for it there.
    if (state->backlogged.exchange(false, std::memory_order_relaxed)) check_writable(state);
    finish_detach(state);
}

/// Says the last, when all that the client sent was handed out and the app does not hold it up.
void Core::finish_detach(const std::shared_ptr<ConnectionState>& state) {
    if (!state->leaves || !state->is_answered || state->is_paused || !state->parked.empty()) return;
    // First nobody can send any more, then what others were told was taken goes out: nothing falls between.
    if (state->phase.exchange(Phase::ended, std::memory_order_acq_rel) == Phase::ended) return;  // the app closes it
    outgoing.remove_connection(*state);
    take_calls();
    LaneSlot* slot = slot_of(*state);
    if (slot == nullptr) return;
    protocol::Buffer frame;
    protocol::append(frame, protocol::Detached{state->chan});
    slot->pool.append_control(*slot, frame);
    leave_pool(*state);
    defer([this, state] { tell(state, {ClosedBy::migrated, 0, "the app server drains"}); });
}

// --- End ---

void Core::on_closed(const Connection& connection, Disconnect disconnect) {
    const auto& state = connection.state_;
    const bool is_closing = state->phase.load(std::memory_order_acquire) == Phase::ended;  // by another thread
    leave_pool(*state);
    if (!state->is_answered || state->parked.empty() || is_closing) {
        drop_parked(*state);
        return tell(state, disconnect);
    }
    // Paused: what came before the end is handed out first. Nothing more will come, so there is nothing left to pause.
    state->parked_end = std::move(disconnect);
    state->is_paused = false;
    lingering_.insert(state);
    unpark_later(state);
}

void Core::apply_close(const std::shared_ptr<ConnectionState>& state, std::string_view frame, Disconnect&& disconnect) {
    LaneSlot* slot = slot_of(*state);
    if (slot == nullptr) {  // the other side was first
        if (!state->parked_end) return;
        drop_parked(*state);
        return defer([this, state] { tell(state, Disconnect(*state->parked_end)); });
    }
    slot->pool.append_control(*slot, frame);
    leave_pool(*state);
    drop_parked(*state);
    defer([this, state, disconnect = std::move(disconnect)] { tell(state, disconnect); });
}

void Core::leave_pool(ConnectionState& state) {
    state.phase.store(Phase::ended, std::memory_order_release);
    if (state.pool != nullptr) state.pool->connections().erase(state.chan);
    state.pool = nullptr;
    outgoing.remove_connection(state);
    for (auto& waiter : std::exchange(state.writable_waiters, {})) {
        defer([waiter = std::move(waiter)] { waiter(errc::closed); });
    }
}

void Core::tell(const std::shared_ptr<ConnectionState>& state, const Disconnect& disconnect) {
    if (std::exchange(state->is_told, true)) return;
    const Connection connection(state);
    lingering_.erase(state);
    if (handlers.on_disconnect) guarded("on_disconnect", [&] { handlers.on_disconnect(connection, disconnect); });
}

}  // namespace trunkline
