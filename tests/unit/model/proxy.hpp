#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proxy/upstreams/native/pool_life.hpp"
#include "tests/unit/model/link.hpp"

namespace trunkline::model {

inline const std::array<std::string, 2> kAddresses{"A", "B"};

/// A client that has connected, and what its session keeps. It stays until it is closed, or leaves.
struct Client {
    std::uint64_t id = 0;
    std::uint8_t key = 0;
    std::uint64_t sent = 0;  ///< messages that were read from it: 1, 2, ...
    std::set<std::uint64_t> answered;
    std::uint64_t attachments = 0;
    bool has_left = false;
    const char* closed = nullptr;  ///< why
};

/// One worker of a proxy: AppServer, LanePool and HeldConnections around the real Lane and PoolLife.
class Proxy final : public Process {
  public:
    Proxy(World& world, std::size_t clients);

    void client_leaves();
    /// A frame of some pool was malformed: it ends.
    void find_bad_frame();
    /// All links to that app server fail at once.
    void lose_links(const AppServer& app);
    /// One message of each client that may send.
    void send_all();
    void on_packet(Link& link, Packet&& packet) override;
    void on_end(Link& link) override;

    static constexpr const char* kId = "P";
    const std::deque<Client>& clients() const { return clients_; }

  private:
    struct Pool;
    struct Slot : CarriedLane {
        Slot(Proxy& proxy, Pool& its_pool, unsigned its_index, const protocol::LaneSettings& settings)
            : CarriedLane(proxy, kProxy, settings), pool(its_pool), index(its_index) {}
        Pool& pool;
        const unsigned index;
        std::uint32_t attempts = 0;
        unsigned failures = 0;
    };
    /// A connection as a pool knows it.
    struct Bound {
        Client* client;
        bool is_moving = false;       ///< Detach was sent
        std::uint64_t close_end = 0;  ///< the client has left: the offset behind the last frame of this chan
    };
    struct Pool {
        enum class State { dialling, up, ended };
        Pool(Proxy& proxy, const std::string& its_address);
        protocol::PoolId id;
        const std::string& address;
        State state = State::dialling;
        TimePoint up_since;
        proxy::PoolLife life;
        std::vector<std::unique_ptr<Slot>> lanes;
        std::optional<std::uint64_t> app_epoch;
        bool saw_new_epoch = false;
        bool is_superseded = false;
        bool is_draining = false;
        bool is_gone_told = false;
        std::optional<protocol::ByeCode> bye;
        std::map<std::uint64_t, Bound> chans;
        std::uint64_t newest_chan = 0;
    };
    struct HeldMessage {
        std::uint64_t number;
        bool is_redelivered;
    };
    struct Held {
        Client* client;
        std::string app_server;      ///< empty: any will do
        const Pool* pool = nullptr;  ///< until it is gone
        bool is_killer = false;
        std::deque<HeldMessage> messages;
        TimePoint since;
    };
    /// What a frame does at this proxy.
    struct Sink {
        Proxy& proxy;
        Slot& slot;
        protocol::Result<protocol::Handled> on_sequenced(protocol::Bytes body);
        protocol::Result<void> on_unsequenced(std::uint32_t type, protocol::Bytes body);
        void on(const protocol::Data& data);
        void on(const protocol::Detached& detached);
        void on(const protocol::Drain& drain);
        void on(const protocol::Bye& bye);
        template <class Other>
        void on(const Other&) {}
    };

    // Clients (proxy_clients.cpp)
    void client_thinks(Client& client);
    void read_message(Client& client);
    bool takes(Pool& pool, const Client& client);
    void open_new(Client& client);
    std::optional<std::uint64_t> chan_of(const Client& client, Pool*& pool);
    Slot& home(Pool& pool, const Client& client) { return *pool.lanes[client.key % pool.lanes.size()]; }
    void send_data(Slot& slot, std::uint64_t chan, const HeldMessage& message);
    std::uint64_t open(Pool& pool, Client& client, protocol::OpenReason why);
    void send_close(Pool& pool, std::uint64_t chan, Bound& bound);

    // Links
    void start_pool(const std::string& address);
    void dial(Slot& slot);
    void dial_later(Slot& slot);
    void on_dialled(Slot& slot, World::Dialled result);
    void on_hello(Link& link, Slot& slot, const AppHello& hello);
    void on_attached(Link& link, Slot& slot, const protocol::Attached& answer);
    void on_attach_failed(Link& link, Slot& slot, protocol::AttachStatus status);
    void on_lost(Slot& slot, bool by_peer);
    void on_chunk(Slot& slot, protocol::Bytes chunk);
    void drain(Pool& pool);

    // The end
    enum class Clients : bool { close, hold };
    void look(Pool& pool);
    void fail(Pool& pool, protocol::ByeCode code, const std::string& why, bool is_lost = true);
    void end(Pool& pool, protocol::ByeCode code, const std::string& why, Clients clients);
    void tell_gone(Pool& pool);
    void tick();

    // What is held (proxy_held.cpp)
    void hold(const Pool& pool, Client& client, const std::string& app_server);
    void hand_on(Pool& pool);
    void place();
    bool settle(Held& held);

    std::deque<Client> clients_;
    std::deque<std::unique_ptr<Pool>> pools_;   // all there ever were
    std::map<std::string, Pool*> current_;      // by address: dialling or up; null while it waits to dial
    std::map<std::string, unsigned> failures_;  // by address, in a row
    std::map<Link*, Slot*> slots_;
    std::vector<std::unique_ptr<Held>> held_;
};

}  // namespace trunkline::model
