#pragma once

#include <boost/intrusive/list.hpp>

#include "appserver-sdk/src/core/connections.hpp"
#include "appserver-sdk/src/pool_lane.hpp"

namespace trunkline {

/// Goes on with the connections that wait for room on a lane when there is room again: in the order in which they came,
/// and no more of them than the room is enough for. On the loop.
class Room {
  public:
    Room(Connections& connections, Writability& writability, Tasks& tasks, const Limits& limits);

    /// There may be room on this lane.
    void on_room(PoolLane& lane);
    /// The pool has another number of lanes: each connection that waits looks at its new home lane.
    void on_resized(Pool& pool);

  private:
    void serve_lanes();
    void serve(PoolLane& lane);
    bool can_serve(const PoolLane& lane) const;

    Connections& connections_;
    Writability& writability_;
    Tasks& tasks_;
    const Limits& limits_;
    boost::intrusive::list<PoolLane, boost::intrusive::member_hook<PoolLane, LaneHook, &PoolLane::room_hook>,
                           boost::intrusive::constant_time_size<false>>
        lanes_;  // to look at
};

}  // namespace trunkline
