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
#include "proxy/attachments/app_servers.hpp"
#include "proxy/attachments/held_connection.hpp"
#include "proxy/attachments/lost_pool.hpp"
#include "proxy/metrics/close_reason.hpp"

namespace trunkline::proxy {

class AppPort;
struct UpstreamConnections;

/// What becomes of the connections of a lost app server (SPEC.md "App server lost"): kept until it is back, then given
/// to another one, or closed. One per upstream and worker.
///
/// A connection first waits for the end of its pool at the app server too; until then it is found by its chan there.
/// After that it stands in a queue, with all connections that wait for the same port. One question whether the port
/// takes connections then answers for the whole queue, so the cost does not grow with how many wait.
class HeldConnections {
  public:
    /// `policy` outlives it.
    HeldConnections(UpstreamConnections& connections, AppServers& app_servers, const config::WhenLostSettings& policy)
        : connections_(connections), app_servers_(app_servers), policy_(policy) {}
    ~HeldConnections();

    /// Whether any connection is held at all; else none needs an OpenRecord.
    bool are_kept() const noexcept { return policy_.hold.count() > 0 || policy_.then == config::ThenLost::reassign; }

    /// The pool of this connection has ended here. It waits until the pool has ended at the app server too, then for an
    /// app server that takes it.
    HeldConnection& take(Attachment& attachment, protocol::Chan chan, const LostPool& pool);
    /// The same for a client that has left.
    void take(Departed&& departed, const LostPool& pool);
    /// This connection has left its draining app server. It is opened elsewhere at the end of the turn, together with
    /// all others that leave in it: to choose for each by itself would cost the square of their number.
    HeldConnection& move(Attachment& attachment);
    /// The client of a held connection has left. What it had said still goes to the next app server, if there is any.
    void leave(HeldConnection& held, Departed&& departed);

    /// This pool has ended at the app server too. The messages that were not handled there go on with their
    /// connections, which wait for an app server from now on. Returns how many messages belong to no connection.
    std::size_t on_pool_gone(const LostPool& pool);
    /// Opens those that can be opened now.
    void place();
    /// Closes all that have no app server. Every pool is gone by then.
    void stop();

  private:
    using Held = std::unique_ptr<HeldConnection>;
    using Chans = std::unordered_map<std::uint64_t, Held>;
    using Queue = std::multimap<net::Clock::time_point, Held>;  // by when they were lost
    using Place = std::pair<std::string, std::uint8_t>;         // name of the app server, and key: they decide the port

    static Place place_of(const HeldConnection& held);
    HeldConnection& wait_for_pool(Held held, protocol::Chan chan, const LostPool& pool);
    void wait_for_port(Held held);
    std::optional<net::Clock::time_point> settle(HeldConnection& held, net::Clock::time_point now);
    void reopen(HeldConnection& held, AppPort& port);
    void give_up(HeldConnection& held, CloseReason why);
    void on_time(net::Clock::time_point now);

    UpstreamConnections& connections_;
    AppServers& app_servers_;
    const config::WhenLostSettings& policy_;
    std::unordered_map<const LostPool*, Chans> by_chan_;  // of pools that may not have ended at the app server
    std::map<Place, Queue> queues_;
    net::MemberHook<&HeldConnections::on_time> time_{*this};
};

}  // namespace trunkline::proxy
