#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "net/endpoint.hpp"
#include "net/link/dialler.hpp"
#include "net/link/linked_lane.hpp"
#include "net/loop.hpp"
#include "proxy/session/close_reason.hpp"
#include "proxy/upstream/chan_table.hpp"
#include "proxy/upstream/departed.hpp"
#include "proxy/upstream/pool_life.hpp"
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
    /// Keeps what it takes to open this connection again until the app server has handled its Close, the last that was
    /// sent: if it is lost before, another one handles the rest.
    void keep(Departed&& departed);
    /// Those whose Close the app server has not handled.
    std::vector<Departed> take_departed();

    /// To be called when the peer may have acknowledged something.
    void wake_waiting();

    LanePool& pool() const noexcept { return pool_; }

    net::LinkedLane linked;
    std::uint64_t highest_chan = 0;  ///< opened on this lane
    std::uint32_t attempts = 0;      ///< to attach it
    net::Clock::time_point attached_since{};

  private:
    void forget_handled();

    LanePool& pool_;
    const std::uint64_t ring_bytes_;
    bool blocked_ = false;
    std::vector<Session*> waiting_;
    std::vector<Session*> awaiting_ack_;
    std::deque<Departed> departed_;  // by the offset of their Close
};

/// What a pool needs to know of its surroundings; constant.
struct PoolSettings {
    net::Endpoint address;
    protocol::Hello hello;  ///< ours, without nonce and mac
    net::LinkKey key;
    protocol::LaneSettings lane;
    net::LinkTimes link;
    net::Dialler::Times dial;
    PoolLife::Times life;
    unsigned lanes = 1;
    bool holds = false;  ///< clients of a lost app server are kept
};

/// How a pool ended.
struct PoolEnd {
    protocol::ByeCode code = protocol::ByeCode::link_lost;  ///< as it was said, by whichever side
    std::string why;
    bool are_held = false;  ///< its clients, for another app server
};

/// The lanes between this worker and one app-server epoch, with their secret id and their chans: dialled together, up
/// when all are attached, ended together. A lane of a pool that is up survives its links: it is dialled again, and goes
/// on at the very byte. Never up again once ended; the AppServer makes a new one.
class LanePool final : public net::LinkOwner, public net::TurnHook {
  public:
    /// Whom a pool tells of its life. Not called from inside `dial` or `end`.
    class Owner {
      public:
        virtual ~Owner() = default;
        /// Looks at the announcement of an app server for a new pool; a non-empty result refuses that link.
        virtual std::string check(const protocol::Hello& app) = 0;
        virtual void on_pool_up(LanePool& pool) = 0;
        /// A link of a pool that is up was lost, or came back.
        virtual void on_link_lost(LanePool& pool) = 0;
        virtual void on_link_resumed(LanePool& pool) = 0;
        /// Another life of the app server answers at its address, and no lane has a link: this pool dials no more.
        virtual void on_pool_superseded(LanePool& pool) = 0;
        /// The pool has ended: sessions were told.
        virtual void on_pool_ended(LanePool& pool, const PoolEnd& end) = 0;
        /// It has ended at the app server too: its connections may be opened elsewhere. The owner buries it.
        virtual void on_pool_gone(LanePool& pool) = 0;
        /// One chunk of frames came for lane `lane`.
        virtual protocol::Result<void> on_chunk(PoolLane& lane, unsigned index, protocol::Bytes chunk) = 0;
    };

    LanePool(net::Loop& loop, Owner& owner, PoolSettings settings);
    ~LanePool() override;

    void dial();
    bool is_up() const noexcept { return state_ == State::up; }
    bool has_ended() const noexcept { return state_ == State::ended; }
    /// As the app server announced itself, by its address if it has no name.
    const std::string& name() const noexcept { return name_; }
    bool has_epoch(protocol::Epoch epoch) const noexcept { return announced_ && epoch_ == epoch; }
    protocol::Epoch epoch() const noexcept { return epoch_; }
    unsigned lanes_up() const noexcept { return attached_; }
    unsigned size() const noexcept { return static_cast<unsigned>(lanes_.size()); }
    PoolLane& lane(unsigned index) noexcept { return *lanes_[index]; }
    ChanTable<Session>& chans() noexcept { return chans_; }
    std::uint64_t ring_bytes() const noexcept;

    /// The longest frame that the app server takes, as announced.
    std::uint64_t app_max_frame() const noexcept { return app_max_frame_; }

    /// The app server is draining: takes no new connections, and those that it has move elsewhere.
    void drain();
    bool is_draining() const noexcept { return draining_; }

    /// The peer said Bye: the pool ends when its chunk was read.
    void on_bye(const protocol::Bye& bye);
    /// The app server has made a newer pool with this worker, so it has ended this one.
    void on_newer_pool();

    /// Ends the pool: Bye on every link; each session of it is held, to be opened elsewhere when the pool is gone, or
    /// closed for `reason`. The owner is not told.
    enum class Clients : bool { close, hold };
    void end(protocol::ByeCode code, const std::string& why, CloseReason reason, Clients clients);
    bool is_gone() const noexcept { return life_.state() == PoolLife::State::gone; }

  private:
    enum class State : std::uint8_t { dialling, up, ended };

    void on_turn_end() override {}  // a hook only so that it can be buried
    void on_link_attached(net::Link& link) override;
    protocol::Result<void> on_link_chunk(net::Link& link, protocol::Bytes chunk) override;
    void on_link_ended(net::Link& link, const boost::system::error_code& why) override;
    void on_dialled(unsigned index, const boost::system::error_code& ec, net::UniqueFd fd);
    std::string check(const protocol::Hello& app);
    void on_lane_lost(unsigned index, bool by_peer);
    void on_attach_failed(unsigned index, const boost::system::error_code& why);
    void on_look(net::Clock::time_point now);
    void look();
    void fail(protocol::ByeCode code, const std::string& why, CloseReason reason);
    void on_drain_look(net::Clock::time_point now);
    void tell_gone();
    void close_links();
    protocol::Result<void> wait_for_bye(PoolLane& lane, protocol::Bytes chunk);
    unsigned index_of(const net::Link& link) const;

    net::Loop& loop_;
    Owner& owner_;
    const PoolSettings settings_;
    const protocol::PoolId id_;
    State state_ = State::dialling;
    PoolLife life_;
    unsigned attached_ = 0;
    bool announced_ = false;
    std::string name_;
    protocol::Epoch epoch_{};
    std::string misfit_;      // why a link of the new pool was refused
    bool resumes_ = false;    // both sides announced it
    bool new_epoch_ = false;  // the last link that was tried led to another life of the app server
    bool superseded_ = false;
    bool draining_ = false;
    bool gone_told_ = false;
    std::uint64_t app_max_frame_ = protocol::kMaxFrameLength;
    std::optional<protocol::ByeCode> bye_;  // as the peer said
    std::string bye_text_;
    std::vector<std::unique_ptr<PoolLane>> lanes_;
    std::vector<std::unique_ptr<net::Dialler>> diallers_;  // one per lane
    net::MemberHook<&LanePool::on_look> look_{*this};
    net::MemberHook<&LanePool::on_drain_look> drain_look_{*this};
    ChanTable<Session> chans_;
};

}  // namespace trunkline::proxy
