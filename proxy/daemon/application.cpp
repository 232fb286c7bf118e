#include "proxy/daemon/application.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>

#include "net/link/link_handshake.hpp"
#include "proxy/daemon/listen_sockets.hpp"
#include "proxy/daemon/signals.hpp"
#include "proxy/daemon/systemd.hpp"
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

net::Endpoint to_endpoint(const config::AdminSettings& admin) { return net::Endpoint::tcp(admin.host, admin.port); }

}  // namespace

Application::Application(config::Settings settings, Start start)
    : generation_(std::make_shared<const Generation>(prepared(std::move(settings)))),
      settings_(generation_->settings),
      admission_(settings_.limits, links_at_most(settings_)),
      verbs_(settings_.workers),
      until_ready_(main_.get_executor()),
      until_watchdog_(main_.get_executor()) {
    std::vector<std::string> names;
    for (const auto& upstream : settings_.upstreams) names.push_back(upstream.name);
    std::vector<const WorkerCounters*> seen;
    for (unsigned i = 0; i < settings_.workers; ++i) {
        counters_.push_back(std::make_unique<WorkerCounters>(names));
        seen.push_back(counters_.back().get());
    }
    status_ = std::make_unique<ProxyStatus>(std::move(seen));
    ProxyIdentity identity{settings_.proxy_id, net::random_epoch(), 0, settings_.workers};
    for (; identity.worker < settings_.workers; ++identity.worker) {
        workers_.push_back(
            std::make_unique<Worker>(generation_, admission_, verbs_, identity, *counters_[identity.worker]));
    }
    status_->set_resize([this](std::string_view upstream, unsigned pool_size) { return resize(upstream, pool_size); });
    drain_.emplace(main_, generation_, *status_, workers_, [this] { main_.stop(); });
    if (start == Start::take_over) find_the_old(settings_.takeover_socket.string());
    if (!old_) listen_fresh();
}

Application::~Application() = default;

void Application::run() {
    const auto work = net::asio::make_work_guard(main_);
    const Signals signals(main_, [this](int signal) { stop(signal); });
    for (const auto& worker : workers_) worker->start();
    if (old_) take_over_when_ready();
    if (const auto interval = watchdog_interval()) feed_watchdog(*interval);
    try {
        main_.run();
    } catch (const std::exception& e) {
        // The workers run, and nobody is left who would stop them.
        log_error("cannot run", {{"why", e.what()}});
        flush_log();
        std::_Exit(1);
    }
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
    admin_.reset();  // it knows the workers
    workers_.clear();
}

/// Until the end: a drain takes its time too.
void Application::feed_watchdog(std::chrono::microseconds interval) {
    notify_systemd("WATCHDOG=1");
    until_watchdog_.expires_after(interval);
    until_watchdog_.async_wait([this, interval](const boost::system::error_code& ec) {
        if (!ec) feed_watchdog(interval);
    });
}

void Application::stop(int signal) {
    log_info("told to stop", {{"signal", signal}});
    until_ready_.cancel();
    old_.reset();
    if (hand_over_) hand_over_->stop();
    drain_->begin();
}

/// On the admin's thread.
bool Application::resize(std::string_view upstream, unsigned pool_size) {
    const auto& upstreams = settings_.upstreams;
    if (std::none_of(upstreams.begin(), upstreams.end(), [&](const auto& known) { return known.name == upstream; })) {
        return false;
    }
    log_info("told to resize pools", {{"upstream", upstream}, {"pool_size", pool_size}});
    for (const auto& worker : workers_) worker->resize(upstream, pool_size);
    return true;
}

// --- What it listens on ---

void Application::listen_fresh() {
    const auto unknown = listen(sockets_from_systemd());
    if (unknown.empty()) return;
    // Its clients would wait for ever: systemd goes on listening for them.
    throw std::runtime_error("systemd listens on " + unknown.front().local().to_string() +
                             ", which is no address of this configuration");
}

/// Listens on every address of the configuration, on the sockets of `inherited` where there are some. Answers those
/// that no address asks for.
ListenSockets Application::listen(ListenSockets inherited) {
    // Before the listeners: their port may be shared, so another proxy that runs by the same configuration is noticed
    // here, and must not have given us clients by then.
    auto admin = take_out(inherited, to_endpoint(settings_.admin));
    admin_ = admin.empty() ? std::make_unique<Admin>(settings_.admin, *status_)
                           : std::make_unique<Admin>(std::move(admin.front()), *status_);
    std::optional<net::ListenSocket> for_takeover;
    if (!settings_.takeover_socket.empty()) {
        const auto address = net::Endpoint::unix_socket(settings_.takeover_socket.string());
        auto found = take_out(inherited, address);
        for_takeover = found.empty() ? open_or_throw(address) : std::move(found.front());
    }

    std::vector<net::Endpoint> addresses;
    for (const auto& listener : settings_.listeners) {
        addresses.push_back(net::Endpoint::tcp(listener.host, listener.port));
    }
    auto shared = share_out(addresses, inherited, settings_.workers);
    for (std::size_t i = 0; i < workers_.size(); ++i) workers_[i]->listen(std::move(shared.workers[i]));

    if (for_takeover) {
        shared.descriptors.push_back(admin_->descriptor());
        hand_over_ = std::make_unique<HandOver>(main_, std::move(*for_takeover), std::move(shared.descriptors), [this] {
            log_info("another process has taken over");
            admin_->leave();
            drain_->begin_handed_over();
        });
    }
    for (const auto& address : shared.addresses) log_info("listening", {{"address", address.to_string()}});
    log_info("ready to serve",
             {{"proxy", settings_.proxy_id}, {"workers", settings_.workers}, {"admin_port", admin_->port()}});
    // Not before, nor only when app servers are linked: one that is away must not make systemd restart the proxy.
    notify_systemd("READY=1\nSTATUS=serving\nMAINPID=" + std::to_string(::getpid()));
    return inherited;
}

// --- Takeover ---

void Application::find_the_old(const std::string& path) {
    auto old = TakeOver::connect(path);
    if (old) {
        old_ = std::move(old).value();
    } else if (old.error() == boost::system::errc::no_such_file_or_directory ||
               old.error() == boost::system::errc::connection_refused) {
        log_info("nobody to take over from", {{"takeover_socket", path}});
    } else {
        throw std::runtime_error("takeover_socket " + path + ": " + old.error().message());
    }
}

void Application::take_over_when_ready() {
    constexpr std::chrono::milliseconds kLookAgain{20};
    if (!status_->readiness().ok) {  // no admin thread asks for it yet
        until_ready_.expires_after(kLookAgain);
        until_ready_.async_wait([this](const boost::system::error_code& ec) {
            if (!ec) take_over_when_ready();
        });
        return;
    }
    auto sockets = old_->take();
    if (!sockets) {
        log_warn("the old process gives nothing", {{"why", sockets.error().message()}});
        old_.reset();
        return listen_fresh();  // it has ended, or its addresses are taken
    }
    for (const auto& socket : listen(std::move(sockets).value())) {
        log_warn("not served any more", {{"address", socket.local().to_string()}});
    }
    old_->confirm();
    old_.reset();
}

}  // namespace trunkline::proxy
