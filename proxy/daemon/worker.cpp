#include "proxy/daemon/worker.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <utility>

#include "proxy/http/http_answer.hpp"
#include "proxy/log/logging.hpp"
#include "proxy/verbs/verbs.hpp"

namespace trunkline::proxy {

namespace {

using namespace std::chrono_literals;

constexpr auto kHeartbeat = 250ms;
constexpr auto kDrainStep = 20ms;

}  // namespace

Worker::Worker(std::shared_ptr<const Generation> generation, ConnectionLimits& admission, VerbBus& verbs,
               const ProxyIdentity& identity, WorkerCounters& counters)
    : counters_(counters),
      admission_(admission),
      verbs_(verbs),
      index_(identity.worker),
      home_{loop_, counters, sessions_},
      http_(HttpContext{loop_, current_, counters, *this}) {
    for (const auto& upstream : generation->settings.upstreams) {
        upstreams_.push_back(std::make_unique<Upstream>(loop_, identity, generation, upstream, counters_));
    }
    const auto find = [this](const std::string& name) { return find_upstream(name); };
    current_ = new WorkerRoutes(std::move(generation), find);
    verbs_.join(index_, loop_, [this](std::string_view upstream, protocol::Bytes body) { on_verb(upstream, body); });
}

Worker::~Worker() { join(); }

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

bool Worker::is_looking_up() const {
    return std::any_of(upstreams_.begin(), upstreams_.end(),
                       [](const auto& upstream) { return upstream->is_looking_up(); });
}

void Worker::listen(ListenSockets sockets) {
    loop_.post([this, sockets = std::move(sockets)]() mutable {
        for (auto& socket : sockets) {
            listeners_.push_back(
                std::make_unique<Listener>(loop_, std::move(socket), settings().limits, admission_, http_));
            listeners_.back()->start();
        }
    });
}

void Worker::start() {
    thread_ = std::thread([this] { run(); });
}

void Worker::run() {
    try {
        heartbeat_due_ = net::Clock::now();
        on_heartbeat(heartbeat_due_);
        for (const auto& upstream : upstreams_) upstream->start();
        loop_.run();
    } catch (const std::exception& e) {
        // A worker that went on without knowing its own state could lose messages in silence.
        log_error("worker failed", {{"why", e.what()}});
        flush_log();
        std::_Exit(1);
    }
}

void Worker::resize(std::string_view upstream, unsigned pool_size) {
    loop_.post([this, name = std::string(upstream), pool_size] {
        if (Upstream* found = find_upstream(name)) found->resize(pool_size);
    });
}

Upstream* Worker::find_upstream(std::string_view name) const {
    const auto found = std::find_if(upstreams_.begin(), upstreams_.end(),
                                    [&](const auto& upstream) { return upstream->name() == name; });
    return found == upstreams_.end() ? nullptr : found->get();
}

/// A verb that came to another worker.
void Worker::on_verb(std::string_view upstream, protocol::Bytes body) {
    Upstream* const found = find_upstream(upstream);
    if (found == nullptr) return;
    auto verbs = Verbs::of_other_worker(found->connections());
    apply_verb(verbs, body);
}

void Worker::on_upgrade(Upgraded client) {
    if (refuses_) return refuse(std::move(client), RefuseReason::draining, "this proxy is being stopped");
    Upstream& upstream = *client.route->upstream;
    auto session = std::make_unique<Session>(home_, upstream.connections(), client.route);
    const auto asks = client.route->settings.ask ? Attachment::Asks::yes : Attachment::Asks::no;
    if (!upstream.open(session->attachment(), client.request, client.peer_address, asks)) {
        return refuse(std::move(client), RefuseReason::no_app_server, "no app server is available");
    }
    sessions_.add(std::move(session)).start(std::move(client));
}

void Worker::refuse(Upgraded client, RefuseReason reason, const char* text) {
    http_.refuse(std::move(client.stream), unavailable(reason, text), std::move(client.ticket));
}

void Worker::on_heartbeat(net::Clock::time_point now) {
    counters_.on_turn(now);
    counters_.loop_lag.record(now - heartbeat_due_);
    counters_.ring_bytes.set(static_cast<std::int64_t>(ring_bytes()));
    heartbeat_due_ = now + kHeartbeat;
    loop_.schedule(heartbeat_, heartbeat_due_);
}

std::uint64_t Worker::ring_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& upstream : upstreams_) bytes += upstream->ring_bytes();
    return bytes;
}

// --- Drain ---

void Worker::drain(Listener::Waiting waiting, std::function<void()> done) {
    loop_.post([this, waiting, done = std::move(done)]() mutable {
        drained_ = std::move(done);
        begin_drain(waiting);
    });
}

void Worker::begin_drain(Listener::Waiting waiting) {
    for (const auto& listener : listeners_) listener->stop(waiting);
    http_.wind_down();
    refuses_ = waiting == Listener::Waiting::take;
    drain_ends_ = loop_.now() + settings().drain_timeout;
    on_drain_step(loop_.now());
}

/// Closes as many clients as are due, so that at this pace all are gone in time and none much earlier.
void Worker::on_drain_step(net::Clock::time_point now) {
    // The last Closes are to reach the app servers before the Byes do, and what clients have left behind.
    if ((sessions_.size() == 0 && http_.size() == 0 && ring_bytes() == 0 && counters_.held_connections.value() == 0) ||
        now >= drain_ends_ + settings().timeouts.close) {
        verbs_.leave(index_);
        http_.stop([] {});
        for (const auto& upstream : upstreams_) upstream->stop();
        loop_.post([this] {  // after the turn that wrote the last frames and the Byes
            loop_.stop();
            drained_();
        });
        return;
    }
    const auto left = now >= drain_ends_ ? 1 : (drain_ends_ - now) / kDrainStep + 1;
    std::size_t open = 0;
    for (std::size_t i = 0; i < sessions_.size(); ++i) open += sessions_.at(i).has_ended() ? 0 : 1;
    drain_due_ += static_cast<double>(open) / static_cast<double>(left);
    auto share = std::min(open, static_cast<std::size_t>(drain_due_));
    drain_due_ -= static_cast<double>(share);
    for (std::size_t i = 0; i < sessions_.size() && share > 0; ++i) {
        Session& session = sessions_.at(i);
        if (session.has_ended()) continue;
        session.close(CloseReason::draining);
        --share;
        if (i < sessions_.size() && &sessions_.at(i) != &session) --i;  // it has left at once, another took its place
    }
    loop_.schedule(drain_step_, now + kDrainStep);
}

}  // namespace trunkline::proxy
