#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.hpp"
#include "proxy/attachments/app_servers.hpp"
#include "proxy/attachments/upstream_connections.hpp"
#include "proxy/upstreams/balance.hpp"
#include "proxy/upstreams/connection_ids.hpp"
#include "proxy/upstreams/native/dialled_app_server.hpp"

namespace trunkline::proxy {

struct Generation;
struct UpgradeRequest;

/// Who this proxy is, as its links announce it; the same in all workers.
struct ProxyIdentity {
    std::string id;
    protocol::Epoch epoch{};
    unsigned worker = 0;
    unsigned workers = 1;
};

/// One upstream on one worker: its app servers, and the connections that this worker holds for it. Owned by the worker.
class Upstream final : public DialledAppServer::Owner, public AppServers {
  public:
    /// `settings` are of `generation`.
    Upstream(net::Loop& loop, const ProxyIdentity& identity, std::shared_ptr<const Generation> generation,
             const config::UpstreamSettings& settings, WorkerCounters& counters);
    ~Upstream();

    /// Resolves the names and dials, now and again and again.
    void start();
    /// Says Bye to every app server; clients that are still there are closed.
    void stop();
    /// Another `pool_size` than configured from now on, without any loss.
    void resize(unsigned pool_size);

    /// Gives a new connection to an app server: its Open is sent. False, and nothing was done, if no app server takes
    /// it.
    [[nodiscard]] bool open(Attachment& attachment, const UpgradeRequest& request, protocol::Bytes peer_address,
                            Attachment::Asks asks);

    bool is_looking_up() const noexcept;

    UpstreamConnections& connections() noexcept override { return connections_; }
    const std::string& name() const noexcept { return settings_.name; }
    std::uint64_t ring_bytes() const noexcept;

  private:
    struct Configured;

    const DialledAppServer* find_epoch(protocol::Epoch epoch, const DialledAppServer& except) const noexcept override;
    void on_app_server_changed() override { publish(); }
    AppPort* port_for(std::uint8_t key, const std::string& name, Which which) override;
    bool has_any(const std::string& name, Which which) const noexcept override;

    void resolve(Configured& configured);
    void on_resolved(Configured& configured, const boost::system::error_code& ec, std::vector<net::Endpoint> addresses);
    void on_resolve_deadline(net::Clock::time_point now);
    void update();
    void publish();
    template <class TakesOpens>
    DialledAppServer* choose(TakesOpens takes_opens);
    unsigned lanes_of_worker() const noexcept;
    PoolSettings pool_settings(const net::Endpoint& address, bool is_direct) const;

    net::Loop& loop_;
    const ProxyIdentity identity_;
    const std::shared_ptr<const Generation> generation_;  // that these settings are of
    const config::LinkSettings& links_;
    const config::UpstreamSettings& settings_;
    WorkerCounters& counters_;
    Balancer balancer_;
    UpstreamConnections connections_;
    unsigned pool_size_ = 0;  // over all workers, at least one each
    std::vector<std::shared_ptr<Configured>> configured_;
    std::vector<std::unique_ptr<DialledAppServer>> app_servers_;
    std::vector<Candidate> candidates_;  // reused
    ConnectionIds ids_;
    bool was_linked_ = false;
    bool stopped_ = false;
    net::MemberHook<&Upstream::on_resolve_deadline> resolve_deadline_{*this};
};

}  // namespace trunkline::proxy
