#include "proxy/upstreams/native/dialled_app_server.hpp"

#include <algorithm>
#include <utility>

#include "proxy/log/logging.hpp"
#include "proxy/upstreams/native/from_app.hpp"

namespace trunkline::proxy {

DialledAppServer::DialledAppServer(Owner& owner, net::Loop& loop, PoolSettings settings,
                                   std::chrono::milliseconds redial_min, std::chrono::milliseconds redial_max)
    : owner_(owner),
      connections_(owner.connections()),
      loop_(loop),
      settings_(std::move(settings)),
      long_wait_(redial_max),
      backoff_(redial_min, redial_max),
      random_(std::random_device{}()) {}

DialledAppServer::~DialledAppServer() = default;

void DialledAppServer::start() {
    retired_ = false;
    if (!pool_ && !redial_.is_scheduled()) dial();
}

void DialledAppServer::retire() {
    retired_ = true;
    redial_.cancel();
    if (pool_ && !pool_->is_up()) end_pool("the address is gone", CloseReason::app_server_lost);
}

void DialledAppServer::stop() {
    retired_ = true;
    redial_.cancel();
    if (pool_) end_pool("the proxy is stopping", CloseReason::draining);
    for (auto& pool : std::exchange(older_, {})) {
        pool->end(protocol::ByeCode::stopping, "the proxy is stopping", CloseReason::draining, Clients::close);
        count_unhandled(*pool);
        loop_.bury(std::move(pool));
    }
}

void DialledAppServer::resize(unsigned lanes, unsigned of_all_workers) {
    settings_.lanes = lanes;
    settings_.hello.pool_size = of_all_workers;
    if (pool_ && !pool_->resize(lanes)) {
        log_info("the app server cannot resize its pool: its next one has the new size",
                 {{"upstream", connections_.name}, {"app_server", settings_.address.to_string()}, {"lanes", lanes}});
    }
    owner_.on_app_server_changed();
}

void DialledAppServer::end_pool(const char* why, CloseReason reason) {
    pool_->end(protocol::ByeCode::stopping, why, reason, Clients::close);
    count_unhandled(*pool_);
    loop_.bury(std::move(pool_));
}

/// What went down with a pool, beside what is handed on with its connections.
void DialledAppServer::count_unhandled(LanePool& pool) {
    const std::size_t unhandled = connections_.held.on_pool_gone(pool);
    connections_.worker_counters.drops(DropReason::app_server_lost).add(unhandled);
}

void DialledAppServer::dial() {
    pool_ = std::make_unique<LanePool>(loop_, *this, settings_);
    pool_->dial();
}

void DialledAppServer::on_redial(net::Clock::time_point) {
    if (!retired_ && !pool_) dial();
}

std::string DialledAppServer::check(const protocol::Hello& app) {
    if (app.max_frame != 0 && app.max_frame < protocol::kLeastMaxFrame) {
        return "it takes frames of at most " + std::to_string(app.max_frame) + " bytes, which is less than " +
               std::to_string(protocol::kLeastMaxFrame) + ", what one Open may need";
    }
    if (const DialledAppServer* other = owner_.find_epoch(app.epoch, *this)) {
        return "the same app server is linked as " + other->address().to_string();
    }
    return {};
}

// --- The life of its pools ---

void DialledAppServer::on_pool_up(LanePool& pool) {
    state_ = AppServerState::linked;
    was_linked_ = true;
    last_error_.clear();
    up_since_ = loop_.now();
    name_ = pool.name();
    if (epoch_ != pool.epoch()) settled_at_ = up_since_ + long_wait_ * 3 / 2;
    epoch_ = pool.epoch();
    log_info("app server linked", {{"upstream", connections_.name},
                                   {"app_server", settings_.address.to_string()},
                                   {"name", name_},
                                   {"lanes", pool.lanes_out()}});
    for (std::size_t i = older_.size(); i-- > 0;) {
        if (older_[i]->has_epoch(epoch_)) older_[i]->on_newer_pool();  // may take it out
    }
    owner_.on_app_server_changed();
    connections_.held.place();
}

void DialledAppServer::on_link_lost(LanePool& pool) {
    connections_.worker_counters.links_lost.add();
    log_warn("link lost", {{"upstream", connections_.name},
                           {"app_server", settings_.address.to_string()},
                           {"lanes_up", pool.lanes_up()},
                           {"lanes", pool.lanes_wanted()}});
    owner_.on_app_server_changed();
}

void DialledAppServer::on_link_resumed(LanePool& pool) {
    connections_.worker_counters.links_resumed.add();
    log_info("link resumed", {{"upstream", connections_.name},
                              {"app_server", settings_.address.to_string()},
                              {"lanes_up", pool.lanes_up()},
                              {"lanes", pool.lanes_wanted()}});
    owner_.on_app_server_changed();
}

void DialledAppServer::on_pool_resized(LanePool& pool) {
    log_info(
        "pool resized",
        {{"upstream", connections_.name}, {"app_server", settings_.address.to_string()}, {"lanes", pool.lanes_out()}});
    owner_.on_app_server_changed();
}

void DialledAppServer::on_pool_superseded(LanePool& pool) {
    if (&pool != pool_.get()) return;
    log_warn("another life of the app server answers, its links of before are silent",
             {{"upstream", connections_.name}, {"app_server", settings_.address.to_string()}});
    older_.push_back(std::move(pool_));
    state_ = AppServerState::lost;
    owner_.on_app_server_changed();
    if (!retired_) dial();
}

void DialledAppServer::on_pool_ended(LanePool& pool, const PoolEnd& end) {
    if (end.are_held) {
        for (auto& departed : pool.take_departed()) connections_.held.take(std::move(departed), pool);
    }
    const bool is_older = &pool != pool_.get();  // superseded, and its time is over
    const bool was_up = is_older || state_ == AppServerState::linked;
    if (was_up) connections_.worker_counters.pools_ended.add();
    if (was_up || last_error_ != end.why) {  // one line per cause, not one per attempt
        log_warn(was_up ? "app server lost" : "app server not linked",
                 {{"upstream", connections_.name}, {"app_server", settings_.address.to_string()}, {"why", end.why}});
    }
    if (is_older) return;
    state_ = was_linked_ ? AppServerState::lost : AppServerState::failed;
    last_error_ = end.why;
    older_.push_back(std::move(pool_));
    owner_.on_app_server_changed();
    if (retired_) return;

    // A pool that had lived is dialled again at once. Not one that keeps failing just after it came up, nor one that
    // ended because one side did not understand the other: that would not be better now.
    std::chrono::milliseconds wait{0};
    const bool had_lived = was_up && loop_.now() - up_since_ >= long_wait_;
    if (end.code != protocol::ByeCode::stopping && end.code != protocol::ByeCode::link_lost) {
        wait = long_wait_;
    } else if (!had_lived) {
        wait = backoff_.next(random_);
    }
    if (had_lived) backoff_.reset();
    loop_.schedule(redial_, loop_.now() + wait);
}

void DialledAppServer::on_pool_gone(LanePool& pool) {
    count_unhandled(pool);
    const auto found =
        std::find_if(older_.begin(), older_.end(), [&](const auto& older) { return older.get() == &pool; });
    if (found == older_.end()) return;
    loop_.bury(std::move(*found));
    older_.erase(found);
}

std::uint64_t DialledAppServer::ring_bytes() const noexcept {
    std::uint64_t bytes = pool_ ? pool_->ring_bytes() : 0;
    for (const auto& pool : older_) bytes += pool->ring_bytes();
    return bytes;
}

protocol::Result<void> DialledAppServer::on_chunk(PoolLane& lane, protocol::Bytes chunk) {
    FromApp from_app(connections_, lane);
    return lane.linked.lane.receive(chunk, loop_.now(), from_app);
}

protocol::Result<void> DialledAppServer::on_go_on(PoolLane& lane) {
    FromApp from_app(connections_, lane);
    return lane.linked.lane.resume(loop_.now(), from_app);
}

AppPort* DialledAppServer::next_port() {
    if (!has_pool_up()) return nullptr;
    for (unsigned tried = 0; tried < pool_->lanes_out(); ++tried, ++next_key_) {
        if (AppPort* port = port_of(next_key_)) return port;
    }
    return nullptr;
}

AppPort* DialledAppServer::port_of(std::uint8_t key) {
    if (!takes_connections()) return nullptr;
    PoolLane& lane = pool_->home_of(key);
    return lane.linked.lane.is_attached() && !lane.is_blocked() ? &lane : nullptr;
}

DialledAppServer::Place DialledAppServer::take_place() {
    const std::uint8_t key = next_key_++;
    return {pool_->home_of(key), key};
}

AppServerSnapshot DialledAppServer::snapshot() const {
    AppServerSnapshot snapshot;
    snapshot.address = settings_.address.to_string();
    snapshot.name = name_;
    snapshot.epoch = static_cast<std::uint64_t>(epoch_);
    snapshot.state = state_;
    snapshot.up_since = up_since_;
    snapshot.lanes_up = pool_ ? pool_->lanes_up() : 0;
    snapshot.lanes = pool_ ? pool_->lanes_wanted() : settings_.lanes;
    snapshot.last_error = last_error_;
    return snapshot;
}

}  // namespace trunkline::proxy
