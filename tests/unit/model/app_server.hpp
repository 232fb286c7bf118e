#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "appserver-sdk/src/pool_life.hpp"
#include "tests/unit/model/link.hpp"

namespace trunkline::model {

/// A process on the SDK: Core and Pool around the real Lane and PoolLife, with connections that answer each message.
class AppServer final : public Process {
  public:
    AppServer(World& world, std::string name);

    void kill(Death death) override;
    /// A proxy has connected.
    void accept(Link& link);
    void drain();
    /// The callbacks of each pool's first and last lane do not go on for so long.
    void hold_up(Duration how_long);
    /// All links to that proxy fail at once.
    void lose_links(const Proxy& proxy);
    void on_packet(Link& link, Packet&& packet) override;
    void on_end(Link& link) override;

    const std::string name;
    bool died_with_host = false;

  private:
    struct Pool;
    struct Slot : CarriedLane {
        Slot(AppServer& app, Pool& its_pool, unsigned its_index, const protocol::LaneSettings& settings)
            : CarriedLane(app, kApp, settings), pool(its_pool), index(its_index) {}
        Pool& pool;
        const unsigned index;
        std::optional<std::uint32_t> attempt;
        bool has_answered_drain = false;
        TimePoint heard{};                 ///< Rules::Lease::heard, any_lane
        std::optional<TimePoint> lost_at;  ///< Rules::Lease::lost
        TimePoint held_up_until{};
        bool is_working = false;         ///< on the next frame, which waits
        bool is_done_working = false;    ///< so that it may be handled
        std::deque<std::string> parked;  ///< !Rules::acks_handled: taken, but not handled
    };
    struct Attachment {
        std::uint64_t connection;
        std::uint64_t number;
        unsigned lane;
    };
    struct Pool {
        Pool(AppServer& app, const ProxyAttach& from);
        protocol::PoolId id;
        std::string proxy_id;
        std::uint64_t proxy_epoch;
        PoolLife life;
        std::vector<std::unique_ptr<Slot>> lanes;
        std::map<std::uint64_t, Attachment> connections;  ///< by chan
        bool is_up = false;
        bool has_ended = false;
    };
    /// What a frame does at this app server.
    struct Sink {
        AppServer& app;
        Slot& slot;
        protocol::Result<protocol::Handled> on_sequenced(protocol::Bytes body);
        protocol::Result<void> on_unsequenced(std::uint32_t type, protocol::Bytes body);
        void on(const protocol::Open& open);
        void on(const protocol::Data& data);
        void on(const protocol::Close& close);
        void on(const protocol::Detach& detach);
        void on(const protocol::Drain& drain);
        void on(const protocol::Bye& bye);
        template <class Other>
        void on(const Other&) {}
    };

    void on_attach(Link& link, const ProxyAttach& from);
    Pool* find(const protocol::PoolId& id);
    void look_for_older_epochs(const ProxyAttach& newer);
    void expect_end_of_dead(const Pool& pool);
    void on_attached(Slot& slot);
    void on_lost(Slot& slot, bool by_peer);
    void renew(Pool& pool);
    bool holds_lease(Pool& pool);
    void on_chunk(Slot& slot, protocol::Bytes chunk);
    bool may_handle(Slot& slot);
    void work_on(Slot& slot);
    void work_done(Slot& slot);
    bool is_drained(const Pool& pool) const;
    void leave(Pool& pool, std::uint64_t chan);
    void end(Pool& pool, protocol::ByeCode code, const char* why);
    void tick();

    std::deque<std::unique_ptr<Pool>> pools_;  // all there ever were
    std::set<protocol::PoolId> ended_;
    std::map<Link*, Slot*> slots_;  // of links that have attached
    std::vector<Link*> greeting_;
    bool is_leaving_ = false;
};

}  // namespace trunkline::model
