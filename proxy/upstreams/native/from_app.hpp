#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "proxy/directory/except_set.hpp"
#include "proxy/clients/session.hpp"
#include "proxy/upstreams/native/lane_pool.hpp"
#include "proxy/upstreams/upstream.hpp"
#include "trunkline/protocol/service/decode.hpp"

namespace trunkline::proxy {

/// What an app server can ask of this proxy, message by message: the sink of the frames of one lane. Made for one
/// chunk.
///
/// A verb for a set of connections, or for a connection by its id, comes on every lane, and takes effect on this one
/// only for connections whose home lane it is (SPEC.md "Order").
class FromApp {
  public:
    FromApp(Upstream& upstream, PoolLane& lane)
        : upstream_(upstream),
          directory_(upstream.directory()),
          counters_(upstream.home().counters),
          lane_(lane),
          home_{lane.index, lane.pool().lanes_in()} {}

    protocol::Result<protocol::Handled> on_sequenced(protocol::Bytes body);
    protocol::Result<void> on_unsequenced(std::uint32_t type, protocol::Bytes body);

    // One connection of this app server, by its chan.
    protocol::Result<void> on(const protocol::Data& message);
    protocol::Result<void> on(const protocol::Accept& message);
    protocol::Result<void> on(const protocol::Close& message);
    protocol::Result<void> on(const protocol::Pause& message);
    protocol::Result<void> on(const protocol::Detached& message);

    // One connection, by its id.
    void on(const protocol::CloseConnection& message);
    void on(const protocol::JoinGroup& message);
    void on(const protocol::LeaveGroup& message);
    protocol::Result<void> on(const protocol::JoinGroupWithAck& message);
    protocol::Result<void> on(const protocol::LeaveGroupWithAck& message);
    protocol::Result<void> on(const protocol::CheckConnectionExistenceWithAck& message);

    // A set of connections.
    void on(const protocol::MultiConnectionData& message);
    void on(const protocol::UserData& message);
    void on(const protocol::MultiUserData& message);
    void on(const protocol::BroadcastData& message);
    void on(const protocol::GroupBroadcastData& message);
    void on(const protocol::MultiGroupBroadcastData& message);
    void on(const protocol::UserJoinGroup& message);
    void on(const protocol::UserLeaveGroup& message);
    protocol::Result<void> on(const protocol::UserJoinGroupWithAck& message);
    protocol::Result<void> on(const protocol::UserLeaveGroupWithAck& message);
    protocol::Result<void> on(const protocol::CheckUserInGroupWithAck& message);
    protocol::Result<void> on(const protocol::CheckGroupExistenceWithAck& message);
    protocol::Result<void> on(const protocol::CheckUserExistenceWithAck& message);
    protocol::Result<void> on(const protocol::CloseUserConnectionsWithAck& message);
    protocol::Result<void> on(const protocol::CloseGroupConnectionsWithAck& message);

    // The pool.
    void on(const protocol::Drain& message);
    protocol::Result<void> on(const protocol::Mark& message);
    void on(const protocol::Bye& message) { lane_.pool().on_bye(message); }

    // All others are known and not used here, or not known: skipped, so that a newer app server may say more.
    template <class Other>
    void on(const Other&) {
        counters_.drops(DropReason::unsupported_verb).add();
    }
    void on(const protocol::UnknownMessage&) { counters_.drops(DropReason::unknown_frame).add(); }

  private:
    using Sessions = std::vector<Session*>;

    protocol::Result<Session*> find(protocol::Chan chan);
    Session* find(protocol::Bytes connection_id) const;
    ExceptSet except(const protocol::StringList& ids, const protocol::StringList& users = {}) const;
    Sessions in_group(protocol::Bytes group, const ExceptSet& except = {}) const;
    Sessions of_user(protocol::Bytes user, const ExceptSet& except = {}) const;
    void fan_out(const Sessions& sessions, const protocol::PayloadMap& payloads);
    std::size_t close_all(const Sessions& sessions, const std::optional<protocol::Bytes>& reason);
    protocol::Result<void> answer(std::int32_t ack_id, bool found);

    Upstream& upstream_;
    Directory& directory_;
    WorkerCounters& counters_;
    PoolLane& lane_;
    HomeLane home_;
};

}  // namespace trunkline::proxy
