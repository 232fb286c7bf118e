#pragma once

#include <memory>
#include <random>
#include <string>

#include "net/backoff.hpp"
#include "proxy/metrics/upstream_snapshot.hpp"
#include "proxy/upstream/lane_pool.hpp"

namespace trunkline::proxy {

class Upstream;

/// One address of an upstream as one worker deals with it: dials a pool, dials again when it ended, refuses what does
/// not belong to it. Owned by its Upstream.
class AppServer final : public LanePool::Owner, public net::TurnHook {
  public:
    AppServer(Upstream& upstream, net::Loop& loop, PoolSettings settings, std::chrono::milliseconds redial_min,
              std::chrono::milliseconds redial_max);
    ~AppServer() override;

    /// Dials now. Also brings back one that was retired.
    void start();
    /// Its address has vanished: no new dials; a pool that is up stays.
    void retire();
    bool is_retired() const noexcept { return retired_; }
    bool has_pool_up() const noexcept { return pool_ && pool_->is_up(); }
    /// Ends its pool, if any, and dials no more.
    void stop();

    /// The lane that the next connection would get: the next one in turn that has room. Null if none has, or no pool is
    /// up.
    PoolLane* next_lane();
    /// Opens a connection on the lane of `next_lane`, which was not null.
    struct Place {
        PoolLane* lane;
        std::uint8_t key;
    };
    Place take_place();

    std::size_t connections() const noexcept { return pool_ ? pool_->chans().size() : 0; }
    std::uint64_t ring_bytes() const noexcept { return pool_ ? pool_->ring_bytes() : 0; }
    /// Whether its pool, up or being dialled, is to this life of an app server.
    bool has_epoch(protocol::Epoch epoch) const noexcept { return pool_ && announced_ && epoch_ == epoch; }
    const net::Endpoint& address() const noexcept { return settings_.address; }
    AppServerSnapshot snapshot() const;

  private:
    void on_turn_end() override {}
    std::string check(const protocol::Hello& app) override;
    void on_pool_up() override;
    void on_pool_ended(const PoolEnd& end) override;
    protocol::Result<void> on_chunk(PoolLane& lane, unsigned index, protocol::Bytes chunk) override;
    void on_redial(net::Clock::time_point now);
    void dial();
    void end_pool(const char* why, CloseReason reason);

    Upstream& upstream_;
    net::Loop& loop_;
    const PoolSettings settings_;
    const std::chrono::milliseconds long_wait_;
    net::Backoff backoff_;
    std::minstd_rand random_;
    std::unique_ptr<LanePool> pool_;
    bool retired_ = false;
    std::uint8_t next_key_ = 0;
    bool announced_ = false;  // by the first link of the pool that is being dialled
    std::string misfit_;      // why a link of it was refused
    std::string name_;
    protocol::Epoch epoch_{};
    AppServerState state_ = AppServerState::pending;
    bool was_linked_ = false;
    net::Clock::time_point up_since_{};
    std::string last_error_;
    net::MemberHook<&AppServer::on_redial> redial_{*this};
};

}  // namespace trunkline::proxy
