#pragma once

#include <memory>

#include "net/link/link.hpp"
#include "trunkline/protocol/lane/lane.hpp"

namespace trunkline::net {

/// A lane and the link that carries it now, if any. Owned by a pool; what is sent while there is no link stays in the
/// lane's ring.
struct LinkedLane {
    LinkedLane(protocol::Lane::Side side, const protocol::LaneSettings& settings) : lane(side, settings) {}

    /// Appends one whole sequenced frame in two parts; it leaves when the turn ends. The caller has asked the lane for
    /// room or reserve.
    void send(protocol::Bytes head, protocol::Bytes payload = {}) {
        lane.append(head, payload);
        if (link) link->touch();
    }

    /// The same for data, which may linger (LinkTimes).
    void send_data(protocol::Bytes head, protocol::Bytes payload) {
        lane.append_data(head, payload);
        if (link) link->touch_data(head.size() + payload.size());
    }

    protocol::Lane lane;
    std::unique_ptr<Link> link;  // after the lane: closed before it goes
};

}  // namespace trunkline::net
