#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "config/settings.hpp"
#include "net/loop.hpp"
#include "proxy/clients/close_reason.hpp"
#include "proxy/attachments/held_connection.hpp"

namespace trunkline::proxy {

class LanePool;
class PoolLane;
class Upstream;

/// What becomes of the connections of a lost app server (SPEC.md "App server lost"): kept until it is back, then given
/// to another one, or closed. One per upstream and worker.
///
/// Until its pool is gone a connection is only found by its chan. Then it stands in a queue with all that wait for the
/// same lane, so that one question answers for all of them: what this costs does not grow with how many wait.
class HeldConnections {
  public:
    /// `policy` outlives it.
    HeldConnections(Upstream& upstream, net::Loop& loop, const config::WhenLostSettings& policy)
        : upstream_(upstream), loop_(loop), policy_(policy) {}
    ~HeldConnections();

    /// Whether any connection is held at all; else none needs an OpenRecord.
    bool are_kept() const noexcept { return policy_.hold.count() > 0 || policy_.then == config::ThenLost::reassign; }

    /// The pool of this session has ended. It waits until that is gone, then for an app server.
    HeldConnection& take(Session& session, protocol::Chan chan, const LanePool& pool);
    /// The same for a client that has left.
    void take(Departed&& departed, const LanePool& pool);
    /// This session has left its draining app server. It is opened elsewhere when all that leave in this turn have: to
    /// look for each by itself would cost the square of their number.
    HeldConnection& move(Session& session);
    /// The client has left; what it had said is still handled, if there is anything.
    void leave(HeldConnection& held, Departed&& departed);

    /// What the app server of this pool had not handled goes on with the connections it concerns. Returns how many
    /// messages belong to none.
    std::size_t on_pool_gone(LanePool& pool);
    /// Opens those that can be opened now.
    void place();
    /// Those without an app server are closed; every pool is gone.
    void stop();

  private:
    using Held = std::unique_ptr<HeldConnection>;
    using Chans = std::unordered_map<std::uint64_t, Held>;
    using Queue = std::multimap<net::Clock::time_point, Held>;  // by when they were lost
    using Place = std::pair<std::string, std::uint8_t>;         // the app server's name and the key: which lane it is

    static Place place_of(const HeldConnection& held);
    HeldConnection& wait_for_pool(Held held, protocol::Chan chan, const LanePool& pool);
    void wait_for_lane(Held held);
    std::optional<net::Clock::time_point> settle(HeldConnection& held, net::Clock::time_point now);
    void reopen(HeldConnection& held, PoolLane& lane);
    void give_up(HeldConnection& held, CloseReason why);
    void on_time(net::Clock::time_point now);

    Upstream& upstream_;
    net::Loop& loop_;
    const config::WhenLostSettings& policy_;
    std::unordered_map<const LanePool*, Chans> by_chan_;  // of pools that are not gone
    std::map<Place, Queue> queues_;
    net::MemberHook<&HeldConnections::on_time> time_{*this};
};

}  // namespace trunkline::proxy
