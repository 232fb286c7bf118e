#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "net/listen_socket.hpp"
#include "proxy/clients/session.hpp"
#include "proxy/clients/session_table.hpp"
#include "proxy/http/generation.hpp"
#include "proxy/http/upgrade_sink.hpp"
#include "proxy/http/worker_routes.hpp"
#include "proxy/upstreams/upstream.hpp"

namespace trunkline::tests {

/// A path for a Unix socket of this test program.
inline std::string socket_path() {
    return (std::filesystem::temp_directory_path() / ("trunkline-test-" + std::to_string(::getpid()) + ".sock"))
        .string();
}

/// Both ends of a TCP connection, non-blocking: a Unix socket tells its peer's end in another way. The kernel keeps
/// little in between, as with a client far away.
inline std::pair<net::UniqueFd, net::UniqueFd> tcp_pair() {
    const auto listener = net::ListenSocket::open(net::Endpoint::tcp("127.0.0.1", 0)).value();
    const auto to = net::SocketAddress::of(listener.local()).value();
    net::UniqueFd ours(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int little = 32 << 10;
    ::setsockopt(ours.get(), SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    if (::connect(ours.get(), to.data(), to.length) != 0) throw std::system_error(errno, std::system_category());
    ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
    net::UniqueFd theirs = std::move(net::accept(listener.fd()).value().fd);
    ::setsockopt(theirs.get(), SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
    return {std::move(ours), std::move(theirs)};
}

/// A proxy worker without HTTP and threads, on the test's own loop: one upstream `test` with one app server or two, one
/// route `/`. A failed dial is repeated at once, a closed client is not waited for; the other times are the defaults.
class ProxyWorker {
  public:
    explicit ProxyWorker(const std::string& app_server, const proxy::ProxyIdentity& identity = {},
                         const std::string& other_app_server = {})
        : generation_(std::make_shared<proxy::Generation>(make_settings(app_server, other_app_server))),
          upstream_(loop_, identity, generation_, generation_->settings.upstreams[0], counters_) {
        use(generation_);
    }
    ~ProxyWorker() {
        upstream_.stop();
        loop_.run_for(std::chrono::milliseconds(0));
    }

    /// The client's end of a connection that the proxy has given to the app server, or nothing if none takes it. The
    /// descriptor is not blocking.
    std::optional<net::UniqueFd> connect() {
        proxy::UpgradeRequest request;
        request.key = "dGhlIHNhbXBsZSBub25jZQ==";
        request.path = "/";
        const auto route = current_->route(0);
        const auto asks = route->settings.ask ? proxy::Attachment::Asks::yes : proxy::Attachment::Asks::no;
        auto session = std::make_unique<proxy::Session>(home_, upstream_.connections(), route);
        if (!upstream_.open(session->attachment(), request, "127.0.0.1:1", asks)) return std::nullopt;
        auto [ours, theirs] = tcp_pair();
        sessions_.add(std::move(session))
            .start({net::ByteStream(theirs.release()), std::move(request), route, "127.0.0.1:1",
                    proxy::ConnectionTicket()});
        return std::move(ours);
    }

    /// From now on this generation is the current one, for new clients; the upstream keeps the first one.
    void use(std::shared_ptr<const proxy::Generation> generation) {
        const auto find = [this](const std::string&) { return &upstream_; };
        current_ = new proxy::WorkerRoutes(std::move(generation), find);
    }
    std::weak_ptr<const proxy::Generation> first_generation() { return generation_; }

    /// Runs the loop until `done()`, for ten seconds at the most.
    template <class Predicate>
    [[nodiscard]] bool run_until(Predicate done) {
        const auto deadline = net::Clock::now() + std::chrono::seconds(10);
        while (!done()) {
            if (net::Clock::now() > deadline) return false;
            loop_.run_for(std::chrono::milliseconds(2));
        }
        return true;
    }

    net::Loop& loop() { return loop_; }
    config::Settings& settings() { return generation_->settings; }  // before `start` only
    proxy::WorkerCounters& counters() { return counters_; }
    proxy::SessionTable& sessions() { return sessions_; }
    proxy::Upstream& upstream() { return upstream_; }
    proxy::AppServerSnapshot app_server() { return counters_.upstream_board.read().at(0).app_servers.at(0); }

  private:
    static config::Settings make_settings(const std::string& app_server, const std::string& other_app_server) {
        using std::chrono::milliseconds;
        config::Settings settings;
        settings.proxy_id = "test:1";
        settings.workers = 1;
        config::UpstreamSettings upstream;
        upstream.name = "test";
        for (const auto& path : {app_server, other_app_server}) {
            if (!path.empty())
                upstream.app_servers.push_back({config::AppServerSettings::Kind::unix_socket, "", 0, path});
        }
        upstream.pool_size = 2;
        settings.upstreams.push_back(upstream);
        config::RouteSettings route;
        route.path = "/";
        route.upstream = "test";
        settings.routes.push_back(route);
        settings.links.redial_min = milliseconds(1);
        settings.links.redial_max = milliseconds(5);
        settings.timeouts.close = milliseconds(50);
        return settings;
    }

    const std::shared_ptr<proxy::Generation> generation_;  // the first
    net::Loop loop_;
    proxy::WorkerCounters counters_{{"test"}};
    proxy::SessionTable sessions_;
    proxy::SessionHome home_{loop_, counters_, sessions_};
    proxy::Upstream upstream_;
    proxy::WorkerRoutesPtr current_;
};

}  // namespace trunkline::tests
