#include "appserver-sdk/src/core.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "net/asio.hpp"
// After the one above, which has to come first.
#include <boost/asio/signal_set.hpp>

#include "appserver-sdk/src/drain_report.hpp"
#include "net/resolve.hpp"
#include "trunkline/protocol/link_key.hpp"

namespace trunkline {
namespace {

constexpr std::uint32_t kMaxWorkers = 1024;
constexpr std::size_t kLongestLogLine = 512;
constexpr std::chrono::milliseconds kStopPoll{5};
constexpr std::chrono::milliseconds kDrainPoll{20};
constexpr std::chrono::microseconds kMaxLinger = std::chrono::milliseconds(100);
constexpr std::ptrdiff_t kMaxHandshakes = 1024;  // links that have not attached a lane yet

/// `options` with limits that can work.
Options workable(Options options) {
    constexpr std::uint64_t kLeastRing = 4 << 10;
    Limits& limits = options.limits;
    limits.ring = std::max(limits.ring, kLeastRing);
    limits.window = std::max(limits.window, kLeastRing);
    limits.max_frame = std::clamp(limits.max_frame, protocol::kLeastMaxFrame, protocol::kMaxFrameLength);
    limits.open_requests_per_lane = std::clamp(limits.open_requests_per_lane, 1u, protocol::kMaxOpenRequests);
    options.linger = std::clamp(options.linger, std::chrono::microseconds::zero(), kMaxLinger);
    return options;
}

}  // namespace

struct Core::Signals {
    explicit Signals(net::Loop& loop) : set(loop.context(), SIGTERM, SIGINT) {}
    boost::asio::signal_set set;
};

Core::Core(Options options)
    : outgoing(options_.limits, [this] { loop_->post([this] { take_calls(); }); }),
      options_(workable(std::move(options))),
      epoch_(net::random_epoch()),
      loop_(std::make_unique<net::Loop>()) {}

Core::~Core() { shut_down(); }

// --- Life ---

std::error_code Core::load_key() {
    std::string content = options_.link_key;
    if (content.empty()) {
        if (options_.link_key_file.empty()) return {};
        // What is no regular file might never end, or never begin.
        std::error_code ec;
        if (!std::filesystem::is_regular_file(options_.link_key_file, ec)) return errc::bad_link_key;
        std::ifstream file(options_.link_key_file, std::ios::binary);
        content.resize(protocol::kMaxLinkKeyFile + 1);
        file.read(content.data(), static_cast<std::streamsize>(content.size()));
        content.resize(static_cast<std::size_t>(file.gcount()));
    }
    if (!protocol::has_link_key(content)) return errc::bad_link_key;
    key_ = protocol::trim_link_key(content);
    return {};
}

Result<std::string> Core::listen(std::string_view address) {
    if (!loop_ || is_stopping_) return errc::closed;
    if (key_.empty()) {
        if (const auto ec = load_key()) return ec;
    }
    const auto parsed = net::Endpoint::parse(address);
    const auto where = parsed ? net::resolve_without_lookup(parsed.value()) : std::nullopt;
    if (!where) return errc::bad_address;
    const bool key_required = !where->is_local();
    if (key_required && key_.empty()) return errc::link_key_required;
    auto listener = LinkListener::open(
        *loop_, *where, [this, key_required](net::ByteStream stream) { on_accepted(std::move(stream), key_required); });
    if (!listener) return listener.error();
    listeners_.push_back(std::move(listener).value());
    return listeners_.back()->address();
}

std::error_code Core::run() {
    if (has_run_.exchange(true)) return errc::already_running;
    if (!stop_wanted_.load()) {
        loop_thread_.store(std::this_thread::get_id());
        post_after(options_.warm_up, [this] {
            if (handlers.on_ready) handlers.on_ready();
        });
        take_calls();
        loop_->run();
    }
    shut_down();
    loop_thread_.store(std::thread::id{});
    return {};
}

void Core::stop() {
    stop_wanted_.store(true);
    Call call;
    call.what = Call::What::task;
    call.task = [this] { begin_stop(); };
    outgoing.submit_control(std::move(call));
}

void Core::on_signals(void (Core::*on_terminate)()) {
    if (!loop_ || signals_) return;
    signals_ = std::make_unique<Signals>(*loop_);
    signals_->set.async_wait([this, on_terminate](const boost::system::error_code& ec, int signal) {
        if (ec) return;
        boost::system::error_code ignored;
        signals_->set.clear(ignored);  // the next one has its default effect
        if (signal == SIGTERM) return (this->*on_terminate)();
        stop();
    });
}

// --- Drain ---

void Core::drain() {
    Call call;
    call.what = Call::What::task;
    call.task = [this] { begin_drain(); };
    outgoing.submit_control(std::move(call));
}

void Core::begin_drain() {
    if (is_leaving_ || is_stopping_) return;
    is_leaving_ = true;
    drain_report_at_ = net::Clock::now() + limits().drain_timeout / 2;
    stop_deadline_ = net::Clock::now() + limits().drain_timeout;
    log(LogLevel::info,
        "draining: " + std::to_string(outgoing.connection_count()) + " connections move to other app servers");
    for (Pool* pool : all_pools()) {
        if (pool->is_up()) pool->announce_drain();
    }
    leave_drained();
}

/// Whether nothing is left to do for it: nobody is connected by it, and all that was said has been handled, also what
/// its proxy had to say.
bool Core::is_drained(Pool& pool) const {
    const bool lingers = std::any_of(lingering_.begin(), lingering_.end(),
                                     [&](const auto& state) { return state->budget == pool.budget(); });
    const bool is_silent = pool.has_answered_drain() || !pool.migrates();
    return !lingers && pool.connections().empty() && is_silent && pool.is_flushed();
}

/// Ends what has nothing left to do; with the last, or when the time is over, this app server stops.
void Core::leave_drained() {
    for (Pool* pool : all_pools()) {
        if (!pool->is_up() || is_drained(*pool)) pool->end(protocol::ByeCode::stopping, "the app server has drained");
    }
    if (all_pools().empty()) return begin_stop();
    const auto now = net::Clock::now();
    if (now >= drain_report_at_) report_drain();
    if (now >= stop_deadline_) return begin_stop();
    schedule_tick(kDrainPoll);
}

/// Halfway, and once more when the time is over.
void Core::report_drain() {
    drain_report_at_ = stop_deadline_;
    auto left = outgoing.connections();
    left.insert(left.end(), lingering_.begin(), lingering_.end());
    log(LogLevel::warning, "draining, and not done: " + what_holds_up(left, all_pools()));
}

void Core::begin_stop() {
    if (is_stopping_) return;
    is_stopping_ = true;
    listeners_.clear();
    stop_deadline_ = net::Clock::now() + limits().stop_timeout;
    finish_stop_if_flushed();
}

void Core::finish_stop_if_flushed() {
    bool flushed = !outgoing.has_pending();
    for (Pool* pool : all_pools()) flushed = flushed && pool->is_flushed();
    if (flushed || net::Clock::now() >= stop_deadline_) {
        finish_stop();
    } else {
        schedule_tick(kStopPoll);
    }
}

void Core::finish_stop() {
    if (has_finished_) return;
    take_calls();
    has_finished_ = true;
    for (Pool* pool : all_pools()) pool->end(protocol::ByeCode::stopping, "the app server stops");
    // Once more behind what the ends have deferred, and what that defers in its turn.
    defer([this] { defer([this] { loop_->stop(); }); });
}

void Core::shut_down() {
    if (!loop_) return;
    is_stopping_ = has_finished_ = true;
    for (Pool* pool : all_pools()) pool->end(protocol::ByeCode::stopping, "the app server ends");
    outgoing.stop();
    take_calls();
    for (int round = 0; round < 100 && !deferred_.empty(); ++round) run_deferred();
    deferred_.clear();
    for (auto& waiter : std::exchange(all_writable_waiters_, {})) {
        guarded("a writable callback", [&] { waiter(errc::closed); });
    }
    delayed_.clear();
    listeners_.clear();
    signals_.reset();
    tick_.cancel();
    links_.clear();
    loop_.reset();
}

// --- Proxies ---

protocol::Hello Core::own_hello() const {
    protocol::Hello hello;
    hello.name = options_.name;
    hello.epoch = epoch_;
    hello.software = "trunkline-appserver/" TRUNKLINE_VERSION;
    hello.max_frame = limits().max_frame;
    hello.features = {protocol::kFeatureResume, protocol::kFeatureMigrate, protocol::kFeatureResize};
    return hello;
}

protocol::LaneSettings Core::lane_settings() const {
    protocol::LaneSettings settings;
    settings.window_bytes = limits().window;
    settings.ring_bytes = limits().ring;
    settings.max_frame_bytes = limits().max_frame;
    settings.keep_alive = limits().keep_alive;
    return settings;
}

void Core::on_accepted(net::ByteStream stream, bool key_required) {
    // Whoever connects and says nothing holds a place until its handshake times out; that must not be every descriptor.
    const auto is_unattached = [](const auto& entry) { return !entry.second->is_attached(); };
    const bool was_turning_away =
        std::exchange(is_turning_away_, std::count_if(links_.begin(), links_.end(), is_unattached) >= kMaxHandshakes);
    if (is_turning_away_) {
        if (was_turning_away) return;  // said once
        return log(LogLevel::warning, "links are turned away: too many have begun and not attached a lane");
    }
    auto link = std::make_unique<IncomingLink>(*this, std::move(stream), key_required);
    IncomingLink& started = *link;
    links_.emplace(link.get(), std::move(link));
    started.start();
}

void Core::forget(IncomingLink& link) {
    const auto found = links_.find(&link);
    if (found == links_.end()) return;
    loop_->bury(std::move(found->second));
    links_.erase(found);
}

std::vector<Pool*> Core::all_pools() {
    std::vector<Pool*> pools;
    for (const auto& peer : peers_) {
        for (const auto& pool : peer->pools()) {
            if (pool) pools.push_back(pool.get());
        }
    }
    return pools;
}

Pool* Core::find_pool(const protocol::PoolId& id) {
    for (Pool* pool : all_pools()) {
        if (pool->id() == id) return pool;
    }
    return nullptr;
}

ProxyPeer& Core::peer_of(const protocol::Hello& hello) {
    for (const auto& peer : peers_) {
        if (peer->epoch() == hello.epoch && *peer->id() == hello.name) return *peer;
    }
    return *peers_.emplace_back(std::make_unique<ProxyPeer>(hello));
}

Decision Core::decide(IncomingLink& link, const protocol::Hello& proxy, const protocol::Attach& attach) {
    const auto refuse = [&](std::string_view why) -> Decision {
        log(LogLevel::warning, "refused a link of proxy " + proxy.name + ": " + std::string(why));
        return {protocol::AttachStatus::refused, nullptr};
    };
    if (is_stopping_) return {protocol::AttachStatus::refused, nullptr};
    if (upstream_ && *upstream_ != proxy.upstream) {
        return refuse("it is of upstream '" + proxy.upstream + "', this app server is of '" + *upstream_ + "'");
    }
    const std::uint32_t workers = proxy.workers == 0 ? 1 : proxy.workers;
    if (attach.lanes == 0 || attach.lanes > kMaxLanes || workers > kMaxWorkers || proxy.worker >= workers) {
        return refuse("its lanes or worker are out of range");
    }
    if (proxy.max_frame != 0 && proxy.max_frame < protocol::kLeastMaxFrame) {
        return refuse("it takes frames of less than " + std::to_string(protocol::kLeastMaxFrame) + " bytes");
    }

    const auto now = loop_->now();
    std::erase_if(ended_pools_, [&](const auto& ended) { return ended.until <= now; });
    for (const auto& ended : ended_pools_) {
        if (ended.id == attach.pool) return {protocol::AttachStatus::unknown_pool, nullptr};
    }

    Pool* pool = find_pool(attach.pool);
    if (pool != nullptr && !pool->holds_lease(net::Clock::now()))
        return {protocol::AttachStatus::unknown_pool, nullptr};
    look_for_older_epochs(proxy);
    if (pool == nullptr) {
        if (attach.attempt != 0) return {protocol::AttachStatus::unknown_pool, nullptr};
        if (attach.lane >= attach.lanes) return refuse("its lane is out of range");
        if (is_leaving_) return {protocol::AttachStatus::refused, nullptr};
        for (const auto& peer : peers_) {
            if (peer->epoch() != proxy.epoch || *peer->id() != proxy.name) continue;
            if (peer->pools().size() != workers) return refuse("it had another number of workers before");
            Pool* older = peer->pools()[proxy.worker].get();
            if (older == nullptr) break;
            older->end(protocol::ByeCode::link_lost, "the worker has made a new pool");
            break;  // it may have been the last pool of this peer, which is gone then
        }
        ProxyPeer& peer = peer_of(proxy);
        auto& place = peer.pools()[proxy.worker];
        place = std::make_unique<Pool>(*this, peer, proxy, attach);
        pool = place.get();
        upstream_ = proxy.upstream;
    } else if (pool->peer().epoch() != proxy.epoch || *pool->peer().id() != proxy.name ||
               pool->worker() != proxy.worker) {
        return refuse("the pool belongs to another worker");
    }
    LaneSlot* slot = pool->slot_for(attach);
    if (slot == nullptr) return {protocol::AttachStatus::refused, nullptr};  // it has fallen away, and the proxy asks
    if (slot->attempt && attach.attempt <= *slot->attempt) return refuse("the lane had a newer attempt");
    slot->attempt = attach.attempt;
    if (IncomingLink* older = std::exchange(slot->link, &link)) older->close();  // the proxy reads it no more
    return {protocol::AttachStatus::ok, slot};
}

/// Whoever has the id of a proxy and another epoch may be that proxy restarted: then what the older one held is to end
/// now, and not when its window does. Nobody is buried before it had its time to answer.
void Core::look_for_older_epochs(const protocol::Hello& proxy) {
    // As the probe's stamp will say it: in milliseconds, and by the clock of this turn.
    const auto asked = std::chrono::floor<std::chrono::milliseconds>(loop_->now());
    for (Pool* older : all_pools()) {
        if (*older->peer().id() != proxy.name || older->peer().epoch() == proxy.epoch) continue;
        older->probe();
        post_after(limits().probe_timeout, [this, asked, id = older->id(), newer = proxy.epoch] {
            if (Pool* pool = find_pool(id)) hear_probe(*pool, asked, newer);
        });
    }
}

void Core::hear_probe(Pool& pool, net::Clock::time_point asked, protocol::Epoch newer) {
    if (!pool.was_answered(asked)) {
        return pool.end(protocol::ByeCode::link_lost, "the proxy was restarted, and this epoch of it is silent");
    }
    ProxyPeer& older = pool.peer();
    if (!older.beside.insert(newer).second) return;  // said already: every hello asks
    for (const auto& peer : peers_) {
        if (peer->epoch() == newer) peer->beside.insert(older.epoch());
    }
    log(LogLevel::info, describe(older) + " lives beside another of its id");
}

void Core::on_pool_up(Pool& pool) {
    do take_calls();
    while (!outgoing.add_pool(pool.budget()));
    ProxyPeer& peer = pool.peer();
    log(LogLevel::info, describe(peer) + ": the pool of worker " + std::to_string(pool.worker()) + " is up with " +
                            std::to_string(pool.lanes().size()) + " lanes");
    publish_proxies();
    if (!all_writable_waiters_.empty()) defer([this] { check_all_writable(); });
    if (peer.has_begun && peer.was_up) return;
    if (!peer.are_all_up()) {  // a worker that cannot link must not keep the others waiting for ever
        return post_after(options_.warm_up, [this, epoch = peer.epoch()] { begin(epoch); });
    }
    peer.was_up = true;
    if (handlers.on_proxy_up) guarded("on_proxy_up", [&] { handlers.on_proxy_up(peer.info()); });
    defer([this, epoch = peer.epoch()] { begin(epoch); });
}

/// Handles what its pools have brought meanwhile, and from then on all at once.
void Core::begin(protocol::Epoch proxy) {
    for (const auto& peer : peers_) {
        if (peer->epoch() == proxy) peer->has_begun = true;
    }
    for (Pool* pool : all_pools()) {
        if (pool->peer().epoch() == proxy) pool->go_on();
    }
}

void Core::on_pool_ended(Pool& pool, std::string_view why) {
    ProxyPeer& peer = pool.peer();
    log(is_stopping_ ? LogLevel::info : LogLevel::warning,
        describe(peer) + ": the pool of worker " + std::to_string(pool.worker()) + " ended with " +
            std::to_string(pool.connections().size()) + " connections: " + std::string(why));
    take_calls();
    if (pool.is_up()) outgoing.remove_pool(pool.budget());
    ended_pools_.push_back({pool.id(), loop_->now() + 2 * peer.resume_window()});

    for (auto& outcome : requests_.on_pool_ended(&pool)) {
        defer([completion = std::move(outcome.completion), status = outcome.status] { completion(status); });
    }

    const Disconnect lost{is_stopping_ ? ClosedBy::app : ClosedBy::proxy_lost, 1012, std::string(why)};
    auto connections = pool.connections().take_all();
    for (const Connection& connection : connections) {
        leave_pool(*connection.state_);
        drop_parked(*connection.state_);
    }
    std::vector<std::shared_ptr<ConnectionState>> left_over;
    for (const auto& state : lingering_) {
        if (state->budget == pool.budget()) left_over.push_back(state);
    }
    for (const auto& state : left_over) drop_parked(*state);

    std::unique_ptr<Pool> owned = std::move(peer.pools()[pool.worker()]);
    std::optional<ProxyInfo> gone;
    if (!peer.has_pools()) {
        if (peer.was_up) gone = peer.info();
        std::erase_if(peers_, [&](const auto& held) { return held.get() == &peer; });
    }
    loop_->bury(std::move(owned));
    publish_proxies();
    defer([this, connections = std::move(connections), left_over = std::move(left_over), lost, gone] {
        for (const Connection& connection : connections) tell(connection.state_, lost);
        for (const auto& state : left_over) tell(state, Disconnect(*state->parked_end));
        if (gone && handlers.on_proxy_lost) guarded("on_proxy_lost", [&] { handlers.on_proxy_lost(*gone); });
        check_all_writable();
    });
}

void Core::publish_proxies() {
    std::vector<ProxyInfo> infos;
    infos.reserve(peers_.size());
    for (const auto& peer : peers_) infos.push_back(peer->info());
    outgoing.set_proxies(std::move(infos));
}

// --- Time ---

void Core::watch_stall() {
    schedule_tick(std::max<std::chrono::milliseconds>(limits().stall_timeout / 5, net::TimingWheel::kTick));
}

void Core::schedule_tick(std::chrono::milliseconds delay) {
    const auto when = net::Clock::now() + delay;
    if (tick_.is_scheduled() && tick_at_ <= when) return;
    tick_at_ = when;
    loop_->schedule(tick_, when);
}

void Core::on_tick(net::Clock::time_point now) {
    if (is_stopping_) return finish_stop_if_flushed();
    end_stalled_pools(now);
    bool any_lost = false;
    for (Pool* pool : all_pools()) any_lost = pool->look(now) || any_lost;
    if (any_lost) watch_lost_links();
    if (is_leaving_) leave_drained();
}

void Core::watch_lost_links() {
    schedule_tick(std::max<std::chrono::milliseconds>(limits().proxy_gone_after / 20, net::TimingWheel::kTick));
}

void Core::end_stalled_pools(net::Clock::time_point now) {
    bool any_full = false;
    for (Pool* pool : all_pools()) {
        if (pool->has_ended()) continue;
        for (const auto& slot : pool->lanes()) {
            if (!slot->full_since) continue;
            if (pool->waits_for_marks(*slot)) slot->full_since = now;  // it is not this lane that is stuck
            if (now - *slot->full_since >= limits().stall_timeout) {
                pool->end(protocol::ByeCode::stalled,
                          "lane " + std::to_string(slot->index) + " is full and the proxy acknowledges nothing");
                break;
            }
            any_full = true;
        }
    }
    if (any_full) watch_stall();
}

void Core::check_time(net::Clock::time_point since, std::string_view what) const {
    const auto took = net::Clock::now() - since;
    if (took <= limits().slow_callback) return;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    log(LogLevel::warning,
        std::string(what) + " blocked the loop for " + std::to_string(ms) + " ms; move such work to another thread");
}

void Core::log(LogLevel level, std::string_view text) const {
    if (!options_.on_log) return;
    // A peer may have chosen parts of it.
    std::string line(text.substr(0, kLongestLogLine));
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    if (line.size() < text.size()) line += "...";
    try {
        options_.on_log(level, line);
    } catch (...) {  // a log that fails must not take the app server with it
    }
}

}  // namespace trunkline
