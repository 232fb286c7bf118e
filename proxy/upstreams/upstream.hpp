#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.hpp"
#include "proxy/directory/directory.hpp"
#include "proxy/metrics/counters.hpp"
#include "proxy/clients/session.hpp"
#include "proxy/upstreams/app_server.hpp"
#include "proxy/upstreams/balance.hpp"
#include "proxy/upstreams/connection_ids.hpp"
#include "proxy/attachments/held_connections.hpp"

namespace trunkline::proxy {

struct UpgradeRequest;

/// Who this proxy is, as its links announce it; the same in all workers.
struct ProxyIdentity {
    std::string id;
    protocol::Epoch epoch{};
    unsigned worker = 0;
    unsigned workers = 1;
};

/// One upstream on one worker: its app servers, and the directory of the connections that this worker holds for it.
/// Owned by the worker.
class Upstream {
  public:
    Upstream(SessionHome& home, const ProxyIdentity& identity, std::size_t index);
    ~Upstream();

    /// Resolves the names and dials, now and again and again.
    void start();
    /// Says Bye to every app server; clients that are still there are closed.
    void stop();
    /// Another `pool_size` than configured from now on, without any loss.
    void resize(unsigned pool_size);

    /// Gives a new connection to an app server: its Open is in the ring of the binding's lane. Nothing if no app server
    /// takes it.
    std::optional<Opened> open(Session& session, const UpgradeRequest& request, protocol::Bytes peer_address);

    // --- For connections that are held ---

    /// The home lane of a connection with that key at the app server of that name, or if `any` at whichever the balance
    /// chooses; null if it takes no connection now.
    PoolLane* lane_for(std::uint8_t key, const std::string& app_server, bool any);
    /// Whether such an app server is there, even if its lane is busy now.
    bool has_taker(const std::string& app_server, bool any) const noexcept;
    /// Opens a connection once more, on a lane that `lane_for` gave. Without a session its client has left.
    protocol::Chan reopen(PoolLane& lane, Session* session, const Departed& departed, OpenRecord& record,
                          protocol::OpenReason why);
    /// The app has chosen a sub-protocol: the next Open says so.
    void remember_subprotocol(OpenRecord& record, protocol::Bytes subprotocol);
    HeldConnections& held() noexcept { return held_; }

    /// The app server, other than `except`, that this epoch is linked as; null if none.
    const AppServer* find_epoch(protocol::Epoch epoch, const AppServer& except) const noexcept;
    void on_app_server_changed() { publish(); }
    bool is_looking_up() const noexcept;

    Directory& directory() noexcept { return directory_; }
    UpstreamCounters& counters() noexcept { return home_.counters.upstream(index_); }
    SessionHome& home() noexcept { return home_; }
    const std::string& name() const noexcept { return settings_.name; }
    std::uint64_t ring_bytes() const noexcept;

  private:
    struct Configured;

    void resolve(Configured& configured);
    void on_resolved(Configured& configured, const boost::system::error_code& ec, std::vector<net::Endpoint> addresses);
    void on_resolve_deadline(net::Clock::time_point now);
    void update();
    void publish();
    template <class TakesOpens>
    AppServer* choose(TakesOpens takes_opens);
    unsigned lanes_of_worker() const noexcept;
    PoolSettings pool_settings(const net::Endpoint& address, bool is_direct) const;

    SessionHome& home_;
    const ProxyIdentity identity_;
    const std::size_t index_;
    const config::UpstreamSettings& settings_;
    Directory directory_;
    Balancer balancer_;
    HeldConnections held_;
    unsigned pool_size_ = 0;  // over all workers, at least one each
    std::vector<std::shared_ptr<Configured>> configured_;
    std::vector<std::unique_ptr<AppServer>> app_servers_;
    std::vector<Candidate> candidates_;  // reused
    ConnectionIds ids_;
    bool was_linked_ = false;
    bool stopped_ = false;
    net::MemberHook<&Upstream::on_resolve_deadline> resolve_deadline_{*this};
};

}  // namespace trunkline::proxy
