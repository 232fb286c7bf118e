#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "config/settings.hpp"
#include "net/loop.hpp"
#include "proxy/clients/session.hpp"
#include "proxy/clients/session_table.hpp"
#include "proxy/daemon/listen_sockets.hpp"
#include "proxy/http/http_sessions.hpp"
#include "proxy/http/listener.hpp"
#include "proxy/http/worker_routes.hpp"
#include "proxy/metrics/counters.hpp"
#include "proxy/upstreams/upstream.hpp"
#include "proxy/verbs/verb_bus.hpp"

namespace trunkline::proxy {

/// One thread of the proxy with all that lives on it: a loop, its listeners, the sessions that came in by
/// them, and its own pools to every app server. With the others it shares generations, which never change, the limits
/// of connections and the bus for verbs, and nothing else.
/// Made, started and stopped on main's thread.
class Worker final : private UpgradeSink {
  public:
    /// `admission`, `verbs` and `counters` outlive it.
    Worker(std::shared_ptr<const Generation> generation, ConnectionLimits& admission, VerbBus& verbs,
           const ProxyIdentity& identity, WorkerCounters& counters);
    ~Worker() override;

    /// Takes clients from these sockets, from `start` on. Any thread.
    void listen(ListenSockets sockets);

    /// Begins to dial and to serve, on a thread of its own.
    void start();

    /// Another number of links to each app server of the upstream of that name from now on, of all workers together.
    /// Any thread.
    void resize(std::string_view upstream, unsigned pool_size);

    /// Stops accepting at once and closes the clients, evenly over the `drain_timeout`; then says Bye to the app
    /// servers, ends the thread and calls `done` on it. Where the clients that wait are left to another process, those
    /// that have come and not yet asked for anything are still let in. Any thread, once.
    void drain(Listener::Waiting waiting, std::function<void()> done);

    /// Waits for the end of its thread, that is of a drain.
    void join();

    /// Whether a name is being looked up. That cannot be cancelled, and the destructor would wait for it. After `join`.
    bool is_looking_up() const;

  private:
    void on_upgrade(Upgraded client) override;
    void refuse(Upgraded client, RefuseReason reason, const char* text);

    void run();
    void on_verb(std::string_view upstream, protocol::Bytes body);
    void begin_drain(Listener::Waiting waiting);
    std::uint64_t ring_bytes() const;
    void on_heartbeat(net::Clock::time_point now);
    void on_drain_step(net::Clock::time_point now);

    const config::Settings& settings() const { return current_->generation().settings; }
    Upstream* find_upstream(std::string_view name) const;

    WorkerCounters& counters_;
    ConnectionLimits& admission_;
    VerbBus& verbs_;
    const std::size_t index_;  // among the workers
    net::Loop loop_;
    SessionTable sessions_;
    SessionHome home_;
    std::vector<std::unique_ptr<Upstream>> upstreams_;
    WorkerRoutesPtr current_;  // the generation for whoever comes now: from here all settings are reached
    HttpSessions http_;
    std::vector<std::unique_ptr<Listener>> listeners_;
    net::Clock::time_point heartbeat_due_{};
    bool refuses_ = false;  // draining
    net::Clock::time_point drain_ends_{};
    double drain_due_ = 1;  // clients to close by now; the first one at once
    std::function<void()> drained_;
    net::MemberHook<&Worker::on_heartbeat> heartbeat_{*this};
    net::MemberHook<&Worker::on_drain_step> drain_step_{*this};
    std::thread thread_;
};

}  // namespace trunkline::proxy
