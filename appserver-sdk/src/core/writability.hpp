#pragma once

#include <memory>
#include <vector>

#include "appserver-sdk/src/core/calls.hpp"
#include "appserver-sdk/src/core/proxies.hpp"
#include "appserver-sdk/src/core/stage.hpp"
#include "appserver-sdk/src/core/tasks.hpp"

namespace trunkline {

/// The callbacks of the app that wait until a connection, or everything, is writable.
class Writability {
  public:
    Writability(Outgoing& outgoing, Calls& calls, Proxies& proxies, Callbacks& callbacks, Tasks& tasks,
                const Limits& limits, const Stage& stage);

    /// Any thread. `connection` may be null: everything.
    void when_writable(std::shared_ptr<ConnectionState> connection, WritableCallback callback);

    // --- On the loop ---

    /// `when_writable`, when it has come to the loop.
    void add(const std::shared_ptr<ConnectionState>& connection, WritableCallback&& callback);
    /// Calls the callbacks of a connection, as long as it is writable. Not inside a callback.
    void check(ConnectionState& connection);
    /// The same for those that wait until everything is writable, soon.
    void check_all_later();
    /// The connection has ended: its callbacks are told, soon.
    void fail(ConnectionState& connection);
    /// The app server has ended: all callbacks that are left are told.
    void finish();

  private:
    bool is_all_writable() const;
    void check_all();

    Outgoing& outgoing_;
    Calls& calls_;
    Proxies& proxies_;
    Callbacks& callbacks_;
    Tasks& tasks_;
    const Limits& limits_;
    const Stage& stage_;
    std::vector<WritableCallback> all_waiters_;  // until everything is writable
};

}  // namespace trunkline
