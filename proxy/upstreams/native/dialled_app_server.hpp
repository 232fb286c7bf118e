#pragma once

#include <memory>
#include <random>
#include <string>

#include "net/backoff.hpp"
#include "proxy/attachments/upstream_connections.hpp"
#include "proxy/metrics/upstream_snapshot.hpp"
#include "proxy/upstreams/native/lane_pool.hpp"

namespace trunkline::proxy {

/// The app server at one address of an upstream, as one worker deals with it: dials a pool, dials again when that has
/// ended, and refuses links to what does not belong to the upstream. Owned by its Upstream.
class DialledAppServer final : public LanePool::Owner, public net::TurnHook {
  public:
    /// The upstream that it belongs to.
    class Owner {
      public:
        virtual UpstreamConnections& connections() noexcept = 0;
        /// The app server, other than `except`, that is linked as this epoch; null if none.
        virtual const DialledAppServer* find_epoch(protocol::Epoch epoch,
                                                   const DialledAppServer& except) const noexcept = 0;
        /// Its snapshot is another one now.
        virtual void on_app_server_changed() = 0;

      protected:
        ~Owner() = default;
    };

    DialledAppServer(Owner& owner, net::Loop& loop, PoolSettings settings, std::chrono::milliseconds redial_min,
                     std::chrono::milliseconds redial_max);
    ~DialledAppServer() override;

    /// Dials now. Also brings back one that was retired.
    void start();
    /// Its address has vanished: no new dials; a pool that is up stays.
    void retire();
    bool is_retired() const noexcept { return retired_; }
    bool has_pools() const noexcept { return pool_ || !older_.empty(); }
    bool has_pool_up() const noexcept { return pool_ && pool_->is_up(); }
    /// Whether connections may be opened there at all: its pool is up, and it does not drain.
    bool takes_connections() const noexcept { return has_pool_up() && !pool_->is_draining(); }
    /// Whether connections of other lives may go on there. Not just after it began: what they say next may be for
    /// clients of other workers and proxies, which dial it as seldom as every `redial_max`.
    bool takes_over() const noexcept { return takes_connections() && loop_.now() >= settled_at_; }
    /// Ends its pool, if any, and dials no more.
    void stop();
    /// How many lanes its pool has from now on, as soon as the app server has them too; one that cannot resize gets a
    /// pool of that size when it gets the next.
    void resize(unsigned lanes, unsigned of_all_workers);

    /// The port that the next connection would get: the next lane in turn that has a link and room. Null if none has,
    /// or no pool is up that takes connections.
    AppPort* next_port();
    /// The port of a connection with that key, its home lane; null if it takes no connection now.
    AppPort* port_of(std::uint8_t key);
    /// Takes the place of `next_port`, which was not null, for a connection that has this key from now on.
    struct Place {
        AppPort& port;
        std::uint8_t key;
    };
    Place take_place();

    /// How many it has now; not what lives of before may still have, which are no burden to this one.
    std::size_t connections() const noexcept { return pool_ ? pool_->chans().size() : 0; }
    std::uint64_t ring_bytes() const noexcept;
    /// Whether its pool, up or being dialled, is to this life of an app server.
    bool has_epoch(protocol::Epoch epoch) const noexcept { return pool_ && pool_->has_epoch(epoch); }
    /// As announced by the app server that it is linked with.
    const std::string& name() const noexcept { return name_; }
    const net::Endpoint& address() const noexcept { return settings_.address; }
    AppServerSnapshot snapshot() const;

  private:
    void on_turn_end() override {}
    std::string check(const protocol::Hello& app) override;
    void on_pool_up(LanePool& pool) override;
    void on_link_lost(LanePool& pool) override;
    void on_link_resumed(LanePool& pool) override;
    void on_pool_superseded(LanePool& pool) override;
    void on_pool_ended(LanePool& pool, const PoolEnd& end) override;
    void on_pool_gone(LanePool& pool) override;
    void on_pool_resized(LanePool& pool) override;
    protocol::Result<void> on_chunk(PoolLane& lane, protocol::Bytes chunk) override;
    protocol::Result<void> on_go_on(PoolLane& lane) override;
    void on_redial(net::Clock::time_point now);
    void dial();
    void end_pool(const char* why, CloseReason reason);
    void count_unhandled(LanePool& pool);

    Owner& owner_;
    UpstreamConnections& connections_;
    net::Loop& loop_;
    PoolSettings settings_;
    const std::chrono::milliseconds long_wait_;
    net::Backoff backoff_;
    std::minstd_rand random_;
    std::unique_ptr<LanePool> pool_;                // dialling or up
    std::vector<std::unique_ptr<LanePool>> older_;  // of which the app server may not know yet that they have ended
    bool retired_ = false;
    std::uint8_t next_key_ = 0;
    std::string name_;
    protocol::Epoch epoch_{};
    AppServerState state_ = AppServerState::pending;
    bool was_linked_ = false;
    net::Clock::time_point up_since_{};
    net::Clock::time_point settled_at_{};
    std::string last_error_;
    net::MemberHook<&DialledAppServer::on_redial> redial_{*this};
};

}  // namespace trunkline::proxy
