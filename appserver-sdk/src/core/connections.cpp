// How a connection begins, and its messages. connection_end.cpp has its end.
#include "appserver-sdk/src/core/connections.hpp"

#include <utility>

#include "appserver-sdk/src/core/core.hpp"

namespace trunkline {

Connections::Connections(Core& core, Outgoing& outgoing, Calls& calls, Callbacks& callbacks, Tasks& tasks,
                         Writability& writability, const Log& log, const Limits& limits)
    : core_(core),
      outgoing_(outgoing),
      calls_(calls),
      callbacks_(callbacks),
      tasks_(tasks),
      writability_(writability),
      log_(log),
      limits_(limits),
      parking_(limits) {}

// --- Begin ---

protocol::Result<void> Connections::on_open(PoolLane& lane, const protocol::Open& open) {
    Pool& pool = lane.pool;
    const auto state =
        std::make_shared<ConnectionState>(core_.shared_from_this(), open, pool.budget(), pool.peer().id());
    if (!pool.connections().insert(open.chan, state)) return protocol::errc::bad_chan;
    state->pool = &pool;
    outgoing_.add_connection(state);
    const auto& on_connect = callbacks_.handlers.on_connect;
    if (!on_connect) {
        accept(state, {});
        return protocol::success();
    }
    // If it throws, the Answer is destroyed, which refuses, unless the app has accepted before.
    if (!callbacks_.run("on_connect", [&] { on_connect(Core::handle(state), Core::answer(state)); })) {
        close(state, 1011, {});
    }
    return protocol::success();
}

void Connections::apply_accept(const StatePtr& state, std::string_view frame) {
    PoolLane* lane = home_lane(*state);
    if (lane == nullptr) return;
    state->is_answered = true;
    if (!frame.empty()) lane->pool.append_control(*lane, frame);
    apply_pause(state);
    if (!state->parked.empty() || state->is_detaching) unpark_later(state);
    if (!state->writable_waiters.empty()) tasks_.defer([this, state] { writability_.check(*state); });
}

// --- Messages ---

void Connections::on_data(StatePtr state, const Message& message) {
    if (state->phase.load(std::memory_order_relaxed) == Phase::ended) return;  // the app has closed it
    if (state->is_answered && !state->is_paused && state->parked.empty()) return deliver(std::move(state), message);

    // If the message cannot be kept, its own connection is closed. If it stayed in the lane, all connections of that
    // lane would wait, perhaps for ever: what the app waits for, a Backlog or an ack, may be behind it.
    if (parking_.is_too_much(*state, message.bytes)) return give_up(state);
    while (parking_.is_full(message.bytes)) {
        // The connection that keeps most is closed, not the one that comes next.
        const auto largest = parking_.largest();
        if (largest == nullptr || largest->parked.bytes() < state->parked.bytes() + cost_of(message.bytes)) {
            return give_up(state);
        }
        give_up(largest);
    }
    parking_.add(state, {message.kind, message.redelivered, std::string(message.bytes)});
}

void Connections::deliver(StatePtr state, const Message& message) {
    const auto& on_message = callbacks_.handlers.on_message;
    if (!on_message) return;
    const Connection connection = Core::handle(std::move(state));
    if (callbacks_.run("on_message", [&] { on_message(connection, message); })) return;
    close(Core::state_of(connection), 1011, {});
}

/// Closes a connection of which more would have to be kept than the limits allow, and drops what is kept of it.
void Connections::give_up(const StatePtr& state) {
    log_.write(LogLevel::warning,
               "connection " + std::string(state->request.id) + " closed: too much waits to be handled");
    close(state, 1013, "too much waits to be handled");
    parking_.drop(*state);
    if (state->parked_end) unpark_later(state);  // its client had left: the app is told of that now
}

// --- Pause ---

void Connections::apply_pause(const StatePtr& state) {
    const bool wanted = state->wants_pause.load(std::memory_order_relaxed);
    if (wanted == state->is_paused || (!state->is_answered && state->pool != nullptr)) return;
    if (state->parked_end) return;  // the client has left: the app gets the parked messages, and then the end
    state->is_paused = wanted;
    if (PoolLane* lane = home_lane(*state)) lane->pool.append_pause(*lane, *state);
    if (!wanted) unpark_later(state);
}

void Connections::unpark_later(const StatePtr& state) {
    tasks_.defer([this, state] { unpark(state); });
}

void Connections::unpark(const StatePtr& state) {
    while (!state->is_paused && !state->parked.empty()) {
        PoolLane* lane = home_lane(*state);
        if (lane != nullptr && !lane->pool.may_call_back(net::Clock::now())) return;
        if (lane != nullptr && !(has_room(lane->budget, limits_) && lane->stream.is_attached())) {
            // What a message causes is sent on this lane.
            return lane->wait(*state);
        }
        const ParkedMessage message = parking_.take(*state);
        deliver(state, {message.kind, message.bytes, message.redelivered});
    }
    if (state->parked.empty() && state->parked_end && !state->is_told) tell(state, Disconnect(*state->parked_end));
    finish_detach(state);
}

// --- Room ---

void Connections::on_backlog(const StatePtr& state, bool on) {
    state->backlogged.store(on, std::memory_order_relaxed);
    if (!on) writability_.check(*state);
}

void Connections::on_room(const StatePtr& state) {
    unpark(state);
    writability_.check(*state);
}

}  // namespace trunkline
