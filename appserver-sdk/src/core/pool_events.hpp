#pragma once

#include <string_view>

#include "appserver-sdk/src/core/calls.hpp"
#include "appserver-sdk/src/core/connections.hpp"
#include "appserver-sdk/src/core/proxies.hpp"
#include "appserver-sdk/src/core/room.hpp"
#include "appserver-sdk/src/core/sends.hpp"
#include "appserver-sdk/src/core/stage.hpp"

namespace trunkline {

/// What follows when a pool comes up, has another number of lanes, or ends: for its connections and requests, for whom
/// waits to send, and for the app. On the loop.
class PoolEvents {
  public:
    struct Parts {
        Outgoing& outgoing;
        Calls& calls;
        Proxies& proxies;
        Connections& connections;
        Sends& sends;
        Writability& writability;
        Room& room;
        Callbacks& callbacks;
        Tasks& tasks;
        const Log& log;
        const Options& options;
        const Stage& stage;
    };

    explicit PoolEvents(const Parts& parts) : parts_(parts) {}

    void on_up(Pool& pool);
    void on_resized(Pool& pool);
    /// The pool has told its links. It leaves its proxy, and its connections end.
    void on_ended(Pool& pool, std::string_view why);

  private:
    void begin(protocol::Epoch proxy);

    const Parts parts_;
};

}  // namespace trunkline
