#include "proxy/upstreams/upstream.hpp"

#include <algorithm>
#include <utility>

#include "net/resolve.hpp"
#include "proxy/http/generation.hpp"
#include "proxy/log/logging.hpp"
#include "trunkline/protocol/ascii.hpp"
#include "trunkline/protocol/service/extension.hpp"

namespace trunkline::proxy {

using protocol::Bytes;

namespace {

constexpr std::string_view kSoftware = "trunkline/" TRUNKLINE_VERSION;

net::Endpoint to_endpoint(const config::AppServerSettings& endpoint) {
    if (endpoint.kind == config::AppServerSettings::Kind::unix_socket) return net::Endpoint::unix_socket(endpoint.path);
    return net::Endpoint::tcp(endpoint.host, endpoint.port);
}

/// The lines of a request head as an Open carries them: one entry per name, with all its values in order.
class HeaderLists {
  public:
    explicit HeaderLists(const std::vector<Header>& lines) {
        for (const Header& line : lines) {
            auto at = std::find_if(names_.begin(), names_.end(),
                                   [&](Bytes name) { return protocol::equal_ignoring_case(name, line.name); });
            if (at == names_.end()) {
                names_.push_back(line.name);
                values_.emplace_back();
                at = names_.end() - 1;
            }
            values_[static_cast<std::size_t>(at - names_.begin())].push_back(line.value);
        }
        for (std::size_t i = 0; i < names_.size(); ++i) headers_.push_back({names_[i], values_[i]});
    }
    protocol::HeaderMap map() const { return headers_; }

  private:
    std::vector<Bytes> names_;
    std::vector<std::vector<Bytes>> values_;
    std::vector<protocol::Header> headers_;
};

}  // namespace

/// One line of `app_servers`, and the addresses that its name stands for now.
struct Upstream::Configured {
    net::Endpoint endpoint;
    bool is_direct = true;
    bool resolving = false;
    std::vector<net::Endpoint> addresses;
    std::string error;
};

Upstream::Upstream(net::Loop& loop, const ProxyIdentity& identity, std::shared_ptr<const Generation> generation,
                   const config::UpstreamSettings& settings, WorkerCounters& counters)
    : loop_(loop),
      identity_(identity),
      generation_(std::move(generation)),
      links_(generation_->settings.links),
      settings_(settings),
      counters_(counters),
      balancer_(settings_.balance),
      connections_(settings_, loop, counters, counters.upstream(settings.name), links_, *this),
      ids_(identity.epoch) {
    for (const auto& endpoint : settings_.app_servers) {
        configured_.push_back(
            std::make_shared<Configured>(Configured{to_endpoint(endpoint), endpoint.direct, false, {}, {}}));
    }
}

Upstream::~Upstream() = default;

// --- App servers ---

void Upstream::start() {
    resize(settings_.pool_size);
    on_resolve_deadline(loop_.now());
}

void Upstream::stop() {
    stopped_ = true;
    resolve_deadline_.cancel();
    for (const auto& app_server : app_servers_) app_server->stop();
    connections_.held.stop();
}

void Upstream::on_resolve_deadline(net::Clock::time_point now) {
    for (const auto& configured : configured_) resolve(*configured);
    update();
    loop_.schedule(resolve_deadline_, now + links_.resolve_every);
}

void Upstream::resolve(Configured& configured) {
    if (configured.resolving) return;
    if (auto known = net::resolve_without_lookup(configured.endpoint)) {
        configured.addresses = {std::move(*known)};
        return;
    }
    configured.resolving = true;
    auto kept =
        *std::find_if(configured_.begin(), configured_.end(), [&](const auto& c) { return c.get() == &configured; });
    net::async_resolve(loop_.executor(), configured.endpoint,
                       [this, kept](const boost::system::error_code& ec, std::vector<net::Endpoint> addresses) {
                           kept->resolving = false;
                           if (!stopped_) on_resolved(*kept, ec, std::move(addresses));
                       });
}

void Upstream::on_resolved(Configured& configured, const boost::system::error_code& ec,
                           std::vector<net::Endpoint> addresses) {
    if (ec) {
        // A name server that is away for a while must not cost links: what was known stays.
        if (configured.error.empty()) {
            log_warn("name not resolved",
                     {{"upstream", name()}, {"app_server", configured.endpoint.to_string()}, {"why", ec.message()}});
        }
        configured.error = ec.message();
        publish();
        return;
    }
    configured.error.clear();
    configured.addresses = std::move(addresses);
    update();
}

/// Makes the app servers those that the names stand for now.
void Upstream::update() {
    bool changed = false;
    const auto is_wanted = [&](const net::Endpoint& address) {
        return std::any_of(configured_.begin(), configured_.end(), [&](const auto& configured) {
            return std::find(configured->addresses.begin(), configured->addresses.end(), address) !=
                   configured->addresses.end();
        });
    };
    for (const auto& app_server : app_servers_) {
        const bool wanted = is_wanted(app_server->address());
        if (wanted == !app_server->is_retired()) continue;
        changed = true;
        if (wanted) {
            app_server->start();
        } else {
            app_server->retire();
        }
    }
    for (const auto& configured : configured_) {
        for (const auto& address : configured->addresses) {
            const auto known = std::any_of(app_servers_.begin(), app_servers_.end(),
                                           [&](const auto& app_server) { return app_server->address() == address; });
            if (known) continue;
            changed = true;
            app_servers_.push_back(std::make_unique<DialledAppServer>(
                *this, loop_, pool_settings(address, configured->is_direct), links_.redial_min, links_.redial_max));
            app_servers_.back()->start();
        }
    }
    std::erase_if(app_servers_, [&](auto& app_server) {
        if (!app_server->is_retired() || app_server->has_pools()) return false;
        loop_.bury(std::move(app_server));
        changed = true;
        return true;
    });
    if (changed) publish();
}

const DialledAppServer* Upstream::find_epoch(protocol::Epoch epoch, const DialledAppServer& except) const noexcept {
    for (const auto& app_server : app_servers_) {
        if (app_server.get() != &except && app_server->has_epoch(epoch)) return app_server.get();
    }
    return nullptr;
}

/// Lane i belongs to worker i mod W.
unsigned Upstream::lanes_of_worker() const noexcept {
    return pool_size_ / identity_.workers + (identity_.worker < pool_size_ % identity_.workers ? 1 : 0);
}

void Upstream::resize(unsigned pool_size) {
    pool_size_ = std::max(pool_size, identity_.workers);
    for (const auto& app_server : app_servers_) app_server->resize(lanes_of_worker(), pool_size_);
}

PoolSettings Upstream::pool_settings(const net::Endpoint& address, bool is_direct) const {
    PoolSettings pool;
    pool.address = address;
    pool.lanes = lanes_of_worker();
    pool.key = {generation_->settings.link_key, !address.is_local()};
    pool.lane.window_bytes = links_.window_bytes;
    pool.lane.ring_bytes = links_.ring_bytes;
    pool.lane.max_frame_bytes = links_.max_frame_bytes;
    pool.lane.ack_delay = links_.ack_delay;
    pool.lane.keep_alive = links_.keep_alive;
    pool.link = {links_.handshake, links_.dead_after, settings_.linger};
    pool.dial = {links_.connect, links_.redial_min, links_.redial_max};
    pool.life = {links_.resume_window, links_.app_window(), links_.gone_after, is_direct};
    pool.holds = connections_.held.are_kept();
    pool.hello.name = identity_.id;
    pool.hello.epoch = identity_.epoch;
    pool.hello.software = kSoftware;
    pool.hello.features = {protocol::kFeatureResume, protocol::kFeatureMigrate, protocol::kFeatureResize};
    pool.hello.app_window = links_.app_window();
    pool.hello.pool_size = pool_size_;
    pool.hello.upstream = name();
    pool.hello.worker = identity_.worker;
    pool.hello.workers = identity_.workers;
    pool.hello.max_frame = links_.max_frame_bytes;
    return pool;
}

void Upstream::publish() {
    UpstreamSnapshot snapshot;
    snapshot.name = name();
    for (const auto& app_server : app_servers_) {
        was_linked_ = was_linked_ || app_server->has_pool_up();
        snapshot.app_servers.push_back(app_server->snapshot());
    }
    for (const auto& configured : configured_) {
        if (!configured->addresses.empty()) continue;
        AppServerSnapshot unresolved;
        unresolved.address = configured->endpoint.to_string();
        unresolved.state = configured->error.empty() ? AppServerState::pending : AppServerState::failed;
        unresolved.last_error = configured->error;
        snapshot.app_servers.push_back(std::move(unresolved));
    }
    snapshot.was_linked = was_linked_;
    counters_.upstream_board.publish(std::move(snapshot));
}

bool Upstream::is_looking_up() const noexcept {
    return std::any_of(configured_.begin(), configured_.end(), [](const auto& c) { return c->resolving; });
}

std::uint64_t Upstream::ring_bytes() const noexcept {
    std::uint64_t bytes = 0;
    for (const auto& app_server : app_servers_) bytes += app_server->ring_bytes();
    return bytes;
}

// --- Connections ---

template <class TakesOpens>
DialledAppServer* Upstream::choose(TakesOpens takes_opens) {
    candidates_.clear();
    for (const auto& app_server : app_servers_) {
        candidates_.push_back({takes_opens(*app_server), app_server->connections()});
    }
    const auto chosen = balancer_.choose(candidates_);
    return chosen ? app_servers_[*chosen].get() : nullptr;
}

bool Upstream::open(Attachment& attachment, const UpgradeRequest& request, Bytes peer_address, Attachment::Asks asks) {
    DialledAppServer* app_server = choose([](DialledAppServer& candidate) { return candidate.next_port() != nullptr; });
    if (app_server == nullptr) return false;
    const auto [port, key] = app_server->take_place();
    const auto id = ids_.next();
    const auto id_text = id.text();
    const HeaderLists headers(request.headers);
    std::vector<protocol::StringMap::Entry> parameters;
    for (const auto& [name, value] : request.parameters) parameters.emplace_back(name, value);

    protocol::Open open;
    open.attachment = 1;
    open.key = key;
    open.connection_id = {id_text.data(), id_text.size()};
    open.headers = headers.map();
    open.query = request.query;
    open.peer_address = peer_address;
    open.path = request.path;
    open.ask = asks == Attachment::Asks::yes;
    open.subprotocol = open.ask ? Bytes{} : Bytes(request.subprotocol);
    open.path_parameters = parameters;
    open.host = request.host;
    protocol::Buffer frame;
    const auto chan = port.open(&attachment, open, frame);
    auto record = connections_.held.are_kept() ? OpenRecord::of(frame, counters_.open_record_bytes) : OpenRecord();
    attachment.on_opened(port, chan, id, key, std::move(record), asks);
    return true;
}

AppPort* Upstream::port_for(std::uint8_t key, const std::string& name, Which which) {
    for (const auto& candidate : app_servers_) {
        if (name.empty() || candidate->name() != name || !candidate->takes_over()) continue;
        if (AppPort* port = candidate->port_of(key)) return port;
    }
    if (which == Which::of_that_name) return nullptr;
    DialledAppServer* chosen = choose(
        [key](DialledAppServer& candidate) { return candidate.takes_over() && candidate.port_of(key) != nullptr; });
    return chosen != nullptr ? chosen->port_of(key) : nullptr;
}

bool Upstream::has_any(const std::string& name, Which which) const noexcept {
    return std::any_of(app_servers_.begin(), app_servers_.end(), [&](const auto& candidate) {
        return candidate->takes_connections() && (which == Which::any || candidate->name() == name);
    });
}

}  // namespace trunkline::proxy
