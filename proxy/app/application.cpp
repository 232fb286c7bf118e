#include "proxy/app/application.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>

#include "net/link/link_handshake.hpp"
#include "proxy/app/drain.hpp"
#include "proxy/app/signals.hpp"
#include "proxy/log/logging.hpp"

namespace trunkline::proxy {

namespace {

/// As many open files as we may have; a client is one.
void raise_open_files_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

config::Settings prepared(config::Settings settings) {
    raise_open_files_limit();
    return settings;
}

/// Descriptors that links need. A name may stand for more than one app server; two are reckoned with.
std::size_t links_at_most(const config::Settings& settings) {
    std::size_t links = 0;
    for (const auto& upstream : settings.upstreams) {
        links += 2 * upstream.app_servers.size() * std::max(upstream.pool_size, settings.workers);
    }
    return links;
}

}  // namespace

Application::Application(config::Settings settings)
    : settings_(prepared(std::move(settings))),
      rules_(settings_.routes),
      files_(load_static_files(settings_.routes)),
      admission_(settings_.limits, links_at_most(settings_)) {
    std::vector<std::string> names;
    for (const auto& upstream : settings_.upstreams) names.push_back(upstream.name);
    std::vector<net::Endpoint> addresses;
    for (const auto& listener : settings_.listeners) {
        addresses.push_back(net::Endpoint::tcp(listener.host, listener.port));
    }

    std::vector<const WorkerCounters*> seen;
    for (unsigned i = 0; i < settings_.workers; ++i) {
        counters_.push_back(std::make_unique<WorkerCounters>(names));
        seen.push_back(counters_.back().get());
    }
    status_ = std::make_unique<ProxyStatus>(std::move(seen));
    // Before the listeners: their port may be shared, so another proxy that runs by the same configuration is noticed
    // here, and must not have given us clients by then.
    admin_ = std::make_unique<Admin>(settings_.admin, *status_);

    const WorkerShares shares{settings_, rules_, files_, admission_};
    ProxyIdentity identity{settings_.proxy_id, net::random_epoch(), 0, settings_.workers};
    for (; identity.worker < settings_.workers; ++identity.worker) {
        workers_.push_back(std::make_unique<Worker>(shares, identity, *counters_[identity.worker], addresses));
        addresses = workers_.front()->addresses();  // a port of 0 is one port for all of them
    }
}

Application::~Application() = default;

void Application::run() {
    net::asio::io_context main_context;
    auto work = net::asio::make_work_guard(main_context);
    Drain drain(main_context, settings_, *status_, workers_, [&] { main_context.stop(); });
    const Signals signals(main_context, [&](int signal) {
        log_info("told to stop", {{"signal", signal}});
        drain.begin();
    });
    for (const auto& worker : workers_) worker->start();
    for (const auto& address : workers_.front()->addresses()) log_info("listening", {{"address", address.to_string()}});
    log_info("ready to serve",
             {{"proxy", settings_.proxy_id}, {"workers", settings_.workers}, {"admin_port", admin_->port()}});
    main_context.run();
    bool is_looking_up = false;
    for (const auto& worker : workers_) {
        worker->join();
        is_looking_up = is_looking_up || worker->is_looking_up();
    }
    log_info("stopped");
    if (is_looking_up) {
        // While a name server is away that may take a minute, and whoever stops us does not wait for so long.
        flush_log();
        std::_Exit(0);
    }
    workers_.clear();
}

}  // namespace trunkline::proxy
