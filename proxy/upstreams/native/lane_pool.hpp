#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/endpoint.hpp"
#include "net/link/dialler.hpp"
#include "net/loop.hpp"
#include "proxy/attachments/attachment.hpp"
#include "proxy/attachments/lost_pool.hpp"
#include "proxy/metrics/close_reason.hpp"
#include "proxy/upstreams/native/chan_table.hpp"
#include "proxy/upstreams/native/pool_lane.hpp"
#include "proxy/upstreams/native/pool_life.hpp"
#include "trunkline/protocol/ids.hpp"
#include "trunkline/protocol/lane/mark_barrier.hpp"

namespace trunkline::proxy {

/// What a pool needs to know of its surroundings.
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
/// on at the very byte. A pool that has ended never comes up again; its app server makes a new one.
class LanePool final : public LostPool, public net::LinkOwner, public net::TurnHook {
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
        /// The pool has ended, and its attachments were told.
        virtual void on_pool_ended(LanePool& pool, const PoolEnd& end) = 0;
        /// It has ended at the app server too: its connections may be opened elsewhere. The owner buries it.
        virtual void on_pool_gone(LanePool& pool) = 0;
        /// It has another number of lanes.
        virtual void on_pool_resized(LanePool& pool) = 0;
        /// One chunk of frames came for a lane.
        virtual protocol::Result<void> on_chunk(PoolLane& lane, protocol::Bytes chunk) = 0;
        /// The frames of this lane that waited are to be taken now.
        virtual protocol::Result<void> on_go_on(PoolLane& lane) = 0;
    };

    LanePool(net::Loop& loop, Owner& owner, PoolSettings settings);
    ~LanePool() override;

    void dial();
    bool is_up() const noexcept { return state_ == State::up; }
    bool has_ended() const noexcept { return state_ == State::ended; }
    /// As the app server announced itself, by its address if it has no name.
    const std::string& name() const noexcept override { return name_; }
    bool has_epoch(protocol::Epoch epoch) const noexcept { return announced_ && epoch_ == epoch; }
    protocol::Epoch epoch() const noexcept { return epoch_; }
    unsigned lanes_up() const noexcept { return attached_; }
    /// Where a connection with this key sends.
    PoolLane& home_of(std::uint8_t key) noexcept { return *lanes_[key % lanes_out_]; }
    ChanTable<Attachment>& chans() noexcept { return chans_; }
    std::uint64_t ring_bytes() const noexcept;

    /// Visits each frame that was not acknowledged, and that no Mark of the app server shows to be handled.
    void for_each_unhandled(const std::function<void(protocol::Bytes body, Written)>& visit) const override;
    /// The clients that have left and whose Close the app server has not acknowledged.
    std::vector<Departed> take_departed();

    // --- Resize (lane_pool_resize.cpp) ---

    /// The home lane of a connection is its key modulo so many lanes: the first for frames that we send, the second for
    /// those that we get. The two differ during a resize.
    unsigned lanes_out() const noexcept { return lanes_out_; }
    unsigned lanes_in() const noexcept { return barrier_.lanes(); }
    /// How many it is to have.
    unsigned lanes_wanted() const noexcept { return state_ == State::up && !resizes_ ? lanes_out_ : wanted_; }
    /// Asks for so many lanes; they are there some time later. False: the app server cannot resize.
    bool resize(unsigned lanes);
    /// The app server's Mark has come on a lane.
    protocol::Result<void> on_mark(PoolLane& lane, const protocol::Mark& mark);
    /// Whether the frames of this lane wait for the Marks of others.
    bool holds_back(const PoolLane& lane) const noexcept { return barrier_.holds_back(lane.index); }

    /// The longest frame that the app server takes, as announced.
    std::uint64_t app_max_frame() const noexcept { return app_max_frame_; }

    /// The app server is draining: takes no new connections, and those that it has move elsewhere.
    void drain();
    bool is_draining() const noexcept { return draining_; }

    /// The peer said Bye: the pool ends when its chunk was read.
    void on_bye(const protocol::Bye& bye);
    /// The app server has made a newer pool with this worker, so it has ended this one.
    void on_newer_pool();

    /// Ends the pool: Bye on every link. Its connections are held, to be opened elsewhere when the pool is gone, or
    /// closed for `reason`. The owner is not told.
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
    void add_lane();
    /// Whether this lane is about to be removed: the app server sends nothing more there but answers, and may refuse it
    /// at any time.
    bool is_leaving(const PoolLane& lane) const noexcept {
        return lane.index >= target_ && (holds_back(lane) || lane.index >= lanes_in());
    }
    /// Whether its silence or its loss says anything of the pool: the app server counts it too.
    bool counts(const PoolLane& lane) const noexcept { return lane.index < lanes_in() && !is_leaving(lane); }
    std::uint32_t proven_mark() const noexcept;
    bool is_resized() const noexcept;
    void on_resize(net::Clock::time_point now);
    void begin_resize();
    bool mark();
    void drop_lane(unsigned index);
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
    bool resizes_ = false;    // likewise
    bool new_epoch_ = false;  // the last link that was tried led to another life of the app server
    bool superseded_ = false;
    bool draining_ = false;
    bool gone_told_ = false;
    std::uint64_t app_max_frame_ = protocol::kMaxFrameLength;
    std::optional<protocol::ByeCode> bye_;  // as the peer said
    std::string bye_text_;
    std::vector<std::unique_ptr<PoolLane>> lanes_;
    std::vector<std::unique_ptr<net::Dialler>> diallers_;  // one per lane
    // A resize: lanes are added and attached; Marks go out, lanes_out_ changes; the app server's come, the barrier's
    // number changes; lanes beyond it are removed.
    unsigned wanted_;  // as configured, or as was asked for since
    unsigned target_;  // of the resize that is under way, or was last
    unsigned lanes_out_;
    std::uint32_t version_ = 0;  // of our newest Mark
    protocol::MarkBarrier barrier_;
    net::MemberHook<&LanePool::on_resize> resize_look_{*this};
    net::MemberHook<&LanePool::on_look> look_{*this};
    net::MemberHook<&LanePool::on_drain_look> drain_look_{*this};
    ChanTable<Attachment> chans_;
};

}  // namespace trunkline::proxy
