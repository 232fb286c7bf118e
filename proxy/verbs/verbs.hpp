#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "proxy/attachments/upstream_connections.hpp"
#include "proxy/directory/except_set.hpp"
#include "trunkline/protocol/service/decode.hpp"

namespace trunkline::proxy {

class Session;

/// What an app server can ask of connections by their ids, groups and users: the verbs of the service protocol that all
/// dialects speak. They take effect at once, on the connections that this worker has of one upstream. How a dialect
/// names single connections (native frames: by chan), and how it answers, is its own.
///
/// Each `on` of a verb that is to be acknowledged says whether it found what it was for.
class Verbs {
  public:
    /// `home`: only connections whose home is that lane are meant, because each lane has a copy of the verb (SPEC.md
    /// "Order").
    explicit Verbs(UpstreamConnections& connections, HomeLane home = {})
        : connections_(connections), directory_(connections.directory), home_(home), counts_(home.lane == 0) {}
    /// Of a verb that came to another worker: it was counted there.
    static Verbs of_other_worker(UpstreamConnections& connections) {
        Verbs verbs(connections);
        verbs.counts_ = false;
        return verbs;
    }

    HomeLane home() const noexcept { return home_; }
    /// The lane's pool was resized.
    void set_home_lanes(std::uint32_t lanes) noexcept { home_.lanes = lanes; }

    // One connection.
    void on(const protocol::CloseConnection& verb);
    void on(const protocol::JoinGroup& verb);
    void on(const protocol::LeaveGroup& verb);
    [[nodiscard]] bool on(const protocol::JoinGroupWithAck& verb);
    [[nodiscard]] bool on(const protocol::LeaveGroupWithAck& verb);
    [[nodiscard]] bool on(const protocol::CheckConnectionExistenceWithAck& verb);

    // Messages for a set of connections.
    void on(const protocol::MultiConnectionData& verb);
    void on(const protocol::UserData& verb);
    void on(const protocol::MultiUserData& verb);
    void on(const protocol::BroadcastData& verb);
    void on(const protocol::GroupBroadcastData& verb);
    void on(const protocol::MultiGroupBroadcastData& verb);

    // The connections of a user, or of a group.
    void on(const protocol::UserJoinGroup& verb);
    void on(const protocol::UserLeaveGroup& verb);
    [[nodiscard]] bool on(const protocol::UserJoinGroupWithAck& verb);
    [[nodiscard]] bool on(const protocol::UserLeaveGroupWithAck& verb);
    [[nodiscard]] bool on(const protocol::CheckUserInGroupWithAck& verb);
    [[nodiscard]] bool on(const protocol::CheckGroupExistenceWithAck& verb);
    [[nodiscard]] bool on(const protocol::CheckUserExistenceWithAck& verb);
    [[nodiscard]] bool on(const protocol::CloseUserConnectionsWithAck& verb);
    [[nodiscard]] bool on(const protocol::CloseGroupConnectionsWithAck& verb);

  private:
    // Collected before anything is done: what is done to a session may change the directory.
    using Sessions = std::vector<Session*>;

    Session* find(protocol::Bytes connection_id) const;
    ExceptSet except(const protocol::StringList& ids, const protocol::StringList& users = {}) const;
    Sessions in_group(protocol::Bytes group, const ExceptSet& except = {}) const;
    Sessions of_user(protocol::Bytes user, const ExceptSet& except = {}) const;
    void fan_out(const Sessions& sessions, const protocol::PayloadMap& payloads);
    std::size_t close_all(const Sessions& sessions, const std::optional<protocol::Bytes>& reason);

    UpstreamConnections& connections_;
    Directory& directory_;
    HomeLane home_;
    bool counts_;  // fan-outs: not the copies of one on other lanes and workers
};

/// Applies the verb in this body of a frame; anything else is skipped. Nobody gets an answer.
void apply_verb(Verbs& verbs, protocol::Bytes body);

/// The session of an attachment, or of an entry of the directory.
Session& session_of(const Attachment& attachment) noexcept;
Session& session_of(Member& member) noexcept;

}  // namespace trunkline::proxy
