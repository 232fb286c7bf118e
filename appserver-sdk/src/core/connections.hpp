#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <vector>

#include "appserver-sdk/src/core/calls.hpp"
#include "appserver-sdk/src/core/parking.hpp"
#include "appserver-sdk/src/core/tasks.hpp"
#include "appserver-sdk/src/core/writability.hpp"
#include "trunkline/protocol/service/extension.hpp"

namespace trunkline {

struct PoolLane;

/// The life of the connections: opened, answered, given messages, paused, ended, and the app told of it.
class Connections {
  public:
    using StatePtr = std::shared_ptr<ConnectionState>;

    Connections(Core& core, Outgoing& outgoing, Calls& calls, Callbacks& callbacks, Tasks& tasks,
                Writability& writability, const Log& log, const Limits& limits);

    // --- Calls of the app, any thread (connection_calls.cpp) ---

    std::error_code accept(const StatePtr& state, Acceptance&& acceptance);
    std::error_code refuse(const StatePtr& state, std::uint16_t code, std::string_view reason);
    std::error_code close(const StatePtr& state, std::uint16_t code, std::string_view reason);
    void pause(const StatePtr& state);
    void resume(const StatePtr& state);

    // --- The same calls when they have come to the loop ---

    /// `frame`: what tells the proxy; empty if it need not be told.
    void apply_accept(const StatePtr& state, std::string_view frame);
    void apply_close(const StatePtr& state, std::string_view frame, Disconnect&& disconnect);
    /// Does what the app wants now, whatever it wanted when it called.
    void apply_pause(const StatePtr& state);

    // --- What proxies send, on the loop ---

    protocol::Result<void> on_open(PoolLane& lane, const protocol::Open& open);
    /// Hands the message out, parks it for a connection that is paused or not answered, or ends that connection.
    void on_data(StatePtr state, const Message& message);
    void on_closed(const StatePtr& state, Disconnect disconnect);
    void on_backlog(const StatePtr& state, bool on);
    /// The proxy moves the client to another app server.
    void on_detach(const StatePtr& state);

    // --- On the loop ---

    /// Goes on with what waited for room on the lane of this connection. Not inside a callback.
    void on_room(const StatePtr& state);
    /// All connections of this pool have ended; the app is told soon.
    void end_all(Pool& pool, const Disconnect& disconnect);
    /// Connections that have ended, but have parked messages that the app has not been given yet.
    const std::unordered_set<StatePtr>& lingering() const noexcept { return lingering_; }

  private:
    void set_paused(const StatePtr& state, bool paused);
    std::error_code end_by_app(const StatePtr& state, std::uint16_t wire_code, Disconnect disconnect);

    void deliver(StatePtr state, const Message& message);
    void give_up(const StatePtr& state);
    void unpark_later(const StatePtr& state);
    void unpark(const StatePtr& state);
    void finish_detach(const StatePtr& state);
    void leave_pool(ConnectionState& state);
    void tell(const StatePtr& state, const Disconnect& disconnect);

    Core& core_;
    Outgoing& outgoing_;
    Calls& calls_;
    Callbacks& callbacks_;
    Tasks& tasks_;
    Writability& writability_;
    const Log& log_;
    const Limits& limits_;
    Parking parking_;
    std::unordered_set<StatePtr> lingering_;
};

}  // namespace trunkline
