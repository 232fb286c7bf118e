#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/connector.hpp"
#include "net/endpoint.hpp"
#include "net/link/linked_lane.hpp"
#include "net/loop.hpp"
#include "proxy/session/close_reason.hpp"
#include "proxy/upstream/chan_table.hpp"
#include "trunkline/protocol/ids.hpp"

namespace trunkline::proxy {

class LanePool;
class Session;

/// One lane of a pool, as sessions see it: where they send, and where they wait when it is full. Lives and dies with
/// its pool.
class PoolLane {
  public:
    PoolLane(LanePool& pool, const protocol::LaneSettings& settings)
        : linked(protocol::Lane::Side::proxy, settings), pool_(pool), ring_bytes_(settings.ring_bytes) {}

    /// Whether clients of this lane are not read at the moment. It begins when the ring is full and lasts until half of
    /// it is free again.
    bool is_blocked() noexcept {
        if (!blocked_ && !linked.lane.has_room()) blocked_ = true;
        return blocked_;
    }
    std::uint64_t room() const noexcept { return linked.lane.room(); }

    /// A client's message. The session has looked at `is_blocked` before it read.
    void send_data(protocol::Chan chan, protocol::PayloadKind kind, protocol::Bytes payload);
    /// The longest payload of a client's message that this app server takes.
    std::size_t max_payload() const noexcept;
    /// A small frame that must not wait for the ring. False: not even the reserve has room; then `wait`.
    [[nodiscard]] bool send_control(protocol::Bytes frame);
    /// The answer to a request of the app server, for which a part of the reserve is kept. False: the app server has
    /// more requests open than it may.
    [[nodiscard]] bool send_answer(protocol::Bytes frame);

    /// Calls `session.on_lane_room()` once, when this lane is not blocked any more. Not for one that waits already.
    void wait(Session& session);
    void stop_waiting(Session& session);

    /// Calls `session.on_acknowledged()` once, when the app server has acknowledged something.
    void wait_for_ack(Session& session) { awaiting_ack_.push_back(&session); }
    void stop_waiting_for_ack(Session& session) { std::erase(awaiting_ack_, &session); }

    /// The connection on this chan has ended here; frames that still come for it are late.
    void forget(protocol::Chan chan);

    /// To be called when the peer may have acknowledged something.
    void wake_waiting();

    LanePool& pool() const noexcept { return pool_; }

    net::LinkedLane linked;
    std::uint64_t highest_chan = 0;  ///< opened on this lane

  private:
    LanePool& pool_;
    const std::uint64_t ring_bytes_;
    bool blocked_ = false;
    std::vector<Session*> waiting_;
    std::vector<Session*> awaiting_ack_;
};

/// What a pool needs to know of its surroundings; constant.
struct PoolSettings {
    net::Endpoint address;
    protocol::Hello hello;  ///< ours, without nonce and mac
    net::LinkKey key;
    protocol::LaneSettings lane;
    net::LinkTimes link;
    std::chrono::milliseconds connect{5'000};
    unsigned lanes = 1;
};

/// How a pool ended.
struct PoolEnd {
    protocol::ByeCode code = protocol::ByeCode::link_lost;  ///< as it was said, by whichever side
    std::string why;
    std::size_t unhandled = 0;  ///< frames that went down with it
};

/// The lanes between this worker and one app-server epoch, with their secret id and their chans: dialled together, up
/// when all are attached, ended together. Never up again once ended; the AppServer makes a new one.
class LanePool final : public net::LinkOwner, public net::TurnHook {
  public:
    /// Whom a pool tells of its life. Not called from inside `dial` or `end`.
    class Owner {
      public:
        virtual ~Owner() = default;
        /// Looks at an announcement; a non-empty result refuses that link.
        virtual std::string check(const protocol::Hello& app) = 0;
        virtual void on_pool_up() = 0;
        /// The pool has ended: sessions were told. The owner buries it.
        virtual void on_pool_ended(const PoolEnd& end) = 0;
        /// One chunk of frames came for lane `lane`.
        virtual protocol::Result<void> on_chunk(PoolLane& lane, unsigned index, protocol::Bytes chunk) = 0;
    };

    LanePool(net::Loop& loop, Owner& owner, PoolSettings settings);
    ~LanePool() override;

    void dial();
    bool is_up() const noexcept { return state_ == State::up; }
    unsigned lanes_up() const noexcept { return attached_; }
    unsigned size() const noexcept { return static_cast<unsigned>(lanes_.size()); }
    PoolLane& lane(unsigned index) noexcept { return *lanes_[index]; }
    ChanTable<Session>& chans() noexcept { return chans_; }
    std::uint64_t ring_bytes() const noexcept;

    /// The longest frame that the app server takes, as announced.
    std::uint64_t app_max_frame() const noexcept { return app_max_frame_; }

    /// The peer said Bye: the pool ends when its chunk was read.
    void on_bye(const protocol::Bye& bye);

    /// Ends the pool: Bye on every link, every session of it told `reason`. The owner is not told. Returns how many
    /// frames the app server had not handled.
    std::size_t end(protocol::ByeCode code, const std::string& why, CloseReason reason);

  private:
    enum class State : std::uint8_t { dialling, up, ended };

    void on_turn_end() override {}  // a hook only so that it can be buried
    void on_link_attached(net::Link& link) override;
    protocol::Result<void> on_link_chunk(net::Link& link, protocol::Bytes chunk) override;
    void on_link_ended(net::Link& link, const boost::system::error_code& why) override;
    void on_connected(unsigned index, net::UniqueFd fd, const boost::system::error_code& ec);
    void on_connect_deadline(net::Clock::time_point now);
    void fail(protocol::ByeCode code, const std::string& why, CloseReason reason);
    unsigned index_of(const net::Link& link) const;

    net::Loop& loop_;
    Owner& owner_;
    const PoolSettings settings_;
    const protocol::PoolId id_;
    State state_ = State::dialling;
    unsigned attached_ = 0;
    std::uint64_t app_max_frame_ = protocol::kMaxFrameLength;
    std::optional<protocol::ByeCode> bye_;  // as the peer said
    std::string bye_text_;
    std::vector<std::unique_ptr<PoolLane>> lanes_;
    std::vector<std::unique_ptr<net::Connector>> connectors_;  // one per lane while dialling
    net::MemberHook<&LanePool::on_connect_deadline> connect_deadline_{*this};
    ChanTable<Session> chans_;
};

}  // namespace trunkline::proxy
