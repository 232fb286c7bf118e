#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/settings.hpp"
#include "net/loop.hpp"
#include "proxy/session/close_reason.hpp"
#include "proxy/upstream/departed.hpp"
#include "trunkline/protocol/service/extension.hpp"

namespace trunkline::proxy {

class LanePool;
class PoolLane;
class Session;
class Upstream;

/// A message of a client that no app server has handled, or perhaps one that is gone.
struct HeldMessage {
    protocol::PayloadKind kind;
    bool redelivered;
    std::string payload;
};

/// A connection without an app server. Its client may stay, or have left since.
struct HeldConnection {
    /// What the client sends meanwhile.
    void add(protocol::PayloadKind kind, protocol::Bytes payload) {
        messages.push_back({kind, false, std::string(payload)});
        since_held_bytes += payload.size() + sizeof(HeldMessage);
    }
    /// The client has left; what it had sent is still handled, if there is anything.
    void leave(Departed&& as) {
        session = nullptr;
        departed = std::move(as);
    }
    /// Whether the client is not read any more.
    bool is_full() const noexcept { return since_held_bytes >= kMaxBytes; }
    static constexpr std::size_t kMaxBytes = 16 << 10;

    Session* session = nullptr;  ///< null: the client has left, see `departed`
    Departed departed;
    protocol::OpenReason why = protocol::OpenReason::resumed;
    std::string app_server;            ///< the name of the one that was lost; empty: any will do
    const LanePool* pool = nullptr;    ///< of that one, until it is gone
    bool is_killer = false;            ///< two app servers were lost with the same message
    std::deque<HeldMessage> messages;  ///< in order
    std::size_t since_held_bytes = 0;  ///< of those that came since
    std::chrono::steady_clock::time_point since{};
};

/// What becomes of the connections of a lost app server (SPEC.md "App server lost"): kept until it is back, then given
/// to another one, or closed. One per upstream and worker.
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

    /// What the app server of this pool had not handled goes on with the connections it concerns. Returns how many
    /// messages belong to none.
    std::size_t on_pool_gone(LanePool& pool);
    /// Opens those that can be opened now.
    void place();
    /// Those without an app server are closed.
    void stop();

    std::size_t size() const noexcept { return held_.size(); }

  private:
    using Chans = std::unordered_map<std::uint64_t, HeldConnection*>;

    HeldConnection& add(HeldConnection&& held);
    bool settle(HeldConnection& held, net::Clock::time_point now);
    void reopen(HeldConnection& held, PoolLane& lane);
    void give_up(HeldConnection& held, CloseReason why);
    void count();
    void on_time(net::Clock::time_point now);

    Upstream& upstream_;
    net::Loop& loop_;
    const config::WhenLostSettings& policy_;
    std::vector<std::unique_ptr<HeldConnection>> held_;
    std::unordered_map<const LanePool*, Chans> by_chan_;  // of pools that are not gone
    std::size_t counted_ = 0;                             // in the gauge
    net::MemberHook<&HeldConnections::on_time> time_{*this};
};

}  // namespace trunkline::proxy
