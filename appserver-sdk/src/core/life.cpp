#include "appserver-sdk/src/core/life.hpp"

#include <algorithm>
#include <string>

#include "net/asio.hpp"
// After the one above, which has to come first.
#include <boost/asio/signal_set.hpp>

#include "appserver-sdk/src/drain_report.hpp"

namespace trunkline {
namespace {

constexpr std::chrono::milliseconds kStopPoll{5};
constexpr std::chrono::milliseconds kDrainPoll{20};

}  // namespace

struct Life::Signals {
    explicit Signals(net::Loop& loop) : set(loop.context(), SIGTERM, SIGINT) {}
    boost::asio::signal_set set;
};

Life::Life(const Parts& parts) : parts_(parts) {}

Life::~Life() = default;

std::error_code Life::run() {
    if (has_run_.exchange(true)) return errc::already_running;
    if (is_stop_wanted_.load()) return {};
    parts_.calls.set_loop_thread(std::this_thread::get_id());
    parts_.tasks.run_at(net::Clock::now() + parts_.options.warm_up, [this] {
        if (parts_.callbacks.handlers.on_ready) parts_.callbacks.handlers.on_ready();
    });
    parts_.calls.take();
    parts_.loop.run();
    return {};
}

void Life::listen_to_signals(OnTerminate what) {
    if (signals_) return;
    signals_ = std::make_unique<Signals>(parts_.loop);
    signals_->set.async_wait([this, what](const boost::system::error_code& ec, int signal) {
        if (ec) return;
        boost::system::error_code ignored;
        signals_->set.clear(ignored);  // the next one has its default effect
        if (signal == SIGTERM && what == OnTerminate::drain) return drain();
        stop();
    });
}

// --- Drain ---

void Life::drain() {
    parts_.calls.post([this] { begin_drain(); });
}

void Life::begin_drain() {
    if (parts_.stage != Stage::running) return;
    parts_.stage = Stage::draining;
    const auto now = net::Clock::now();
    const auto timeout = parts_.options.limits.drain_timeout;
    drain_report_at_ = now + timeout / 2;
    deadline_ = now + timeout;
    parts_.log.write(LogLevel::info, "draining: " + std::to_string(parts_.outgoing.connection_count()) +
                                         " connections move to other app servers");
    for (Pool* pool : parts_.proxies.pools()) {
        if (pool->is_up()) pool->announce_drain();
    }
    look_at_drain();
}

/// Whether nothing is left to do for this pool: it has no connections, the proxy has handled everything and has
/// answered the drain.
bool Life::is_drained(const Pool& pool) const {
    const auto& lingering = parts_.connections.lingering();
    const bool lingers = std::any_of(lingering.begin(), lingering.end(),
                                     [&](const auto& state) { return state->budget == pool.budget(); });
    const bool is_silent = pool.has_answered_drain() || !pool.migrates();
    return !lingers && pool.connections().empty() && is_silent && pool.is_flushed();
}

/// Ends the pools that have drained. With the last one, or when the time is over, this app server stops.
void Life::look_at_drain() {
    for (Pool* pool : parts_.proxies.pools()) {
        if (!pool->is_up() || is_drained(*pool)) pool->end(protocol::ByeCode::stopping, "the app server has drained");
    }
    if (parts_.proxies.pools().empty()) return begin_stop();
    const auto now = net::Clock::now();
    if (now >= drain_report_at_) report_drain();
    if (now >= deadline_) return begin_stop();
    look_again(kDrainPoll);
}

/// Logs what the drain waits for: when half of the time is over, and when all of it is.
void Life::report_drain() {
    drain_report_at_ = deadline_;
    auto left = parts_.outgoing.connections();
    const auto& lingering = parts_.connections.lingering();
    left.insert(left.end(), lingering.begin(), lingering.end());
    parts_.log.write(LogLevel::warning, "draining, and not done: " + what_holds_up(left, parts_.proxies.pools()));
}

// --- Stop ---

void Life::stop() {
    is_stop_wanted_.store(true);
    parts_.calls.post([this] { begin_stop(); });
}

void Life::begin_stop() {
    if (parts_.stage >= Stage::stopping) return;
    parts_.stage = Stage::stopping;
    parts_.links.stop_listening();
    deadline_ = net::Clock::now() + parts_.options.limits.stop_timeout;
    look_at_stop();
}

void Life::look_at_stop() {
    bool is_flushed = !parts_.outgoing.has_pending();
    for (Pool* pool : parts_.proxies.pools()) is_flushed = is_flushed && pool->is_flushed();
    if (is_flushed || net::Clock::now() >= deadline_) return finish_stop();
    look_again(kStopPoll);
}

void Life::finish_stop() {
    if (parts_.stage == Stage::finished) return;
    parts_.calls.take();
    parts_.stage = Stage::finished;
    for (Pool* pool : parts_.proxies.pools()) pool->end(protocol::ByeCode::stopping, "the app server stops");
    // Behind the tasks that the ends of the pools have deferred, and the tasks that those defer.
    parts_.tasks.defer([this] { parts_.tasks.defer([this] { parts_.loop.stop(); }); });
}

void Life::look_again(std::chrono::milliseconds delay) { parts_.loop.schedule(look_, net::Clock::now() + delay); }

void Life::on_look(net::Clock::time_point) {
    if (parts_.stage == Stage::draining) look_at_drain();
    if (parts_.stage == Stage::stopping) look_at_stop();
}

void Life::end_pools() {
    parts_.stage = Stage::finished;
    for (Pool* pool : parts_.proxies.pools()) pool->end(protocol::ByeCode::stopping, "the app server ends");
}

void Life::finish() {
    signals_.reset();
    look_.cancel();
}

}  // namespace trunkline
