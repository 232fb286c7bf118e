#include "appserver-sdk/src/core/room.hpp"

#include "appserver-sdk/src/pool.hpp"

namespace trunkline {
namespace {

/// Takes the first connection out of a list of connections that wait. It is in its pool, because whoever leaves the
/// pool leaves the list.
std::shared_ptr<ConnectionState> take_first(WaitingForRoom& waiting) {
    const ConnectionState& first = waiting.front();
    auto connection = *first.pool->connections().find(first.chan);
    waiting.pop_front();
    return connection;
}

}  // namespace

Room::Room(Connections& connections, Writability& writability, Tasks& tasks, const Limits& limits)
    : connections_(connections), writability_(writability), tasks_(tasks), limits_(limits) {}

bool Room::can_serve(const PoolLane& lane) const { return has_room(lane.budget, limits_) && lane.stream.is_attached(); }

void Room::on_room(PoolLane& lane) {
    if (!can_serve(lane)) return;
    if (!lane.waiting.empty() && !lane.room_hook.is_linked()) {
        if (lanes_.empty()) tasks_.defer([this] { serve_lanes(); });
        lanes_.push_back(lane);
    }
    writability_.check_all_later();
}

void Room::serve_lanes() {
    while (!lanes_.empty()) {
        PoolLane& lane = lanes_.front();
        lanes_.pop_front();
        serve(lane);
    }
}

void Room::serve(PoolLane& lane) {
    // Only those that wait now. A connection that waits again goes behind them.
    WaitingForRoom now;
    now.swap(lane.waiting);
    while (!now.empty() && can_serve(lane)) connections_.on_room(take_first(now));
    lane.waiting.splice(lane.waiting.begin(), now);
}

void Room::on_resized(Pool& pool) {
    for (const auto& lane : pool.lanes()) {
        while (!lane->waiting.empty()) {
            tasks_.defer([this, connection = take_first(lane->waiting)] { connections_.on_room(connection); });
        }
    }
    writability_.check_all_later();
}

}  // namespace trunkline
