#include "proxy/upstream/app_server.hpp"

#include "proxy/log/logging.hpp"
#include "proxy/upstream/from_app.hpp"
#include "proxy/upstream/upstream.hpp"

namespace trunkline::proxy {

AppServer::AppServer(Upstream& upstream, net::Loop& loop, PoolSettings settings, std::chrono::milliseconds redial_min,
                     std::chrono::milliseconds redial_max)
    : upstream_(upstream),
      loop_(loop),
      settings_(std::move(settings)),
      long_wait_(redial_max),
      backoff_(redial_min, redial_max),
      random_(std::random_device{}()) {}

AppServer::~AppServer() = default;

void AppServer::start() {
    retired_ = false;
    if (!pool_ && !redial_.is_scheduled()) dial();
}

void AppServer::retire() {
    retired_ = true;
    redial_.cancel();
    if (pool_ && !pool_->is_up()) end_pool("the address is gone", CloseReason::app_server_lost);
}

void AppServer::stop() {
    retired_ = true;
    redial_.cancel();
    if (pool_) end_pool("the proxy is stopping", CloseReason::draining);
}

void AppServer::end_pool(const char* why, CloseReason reason) {
    const std::size_t unhandled = pool_->end(protocol::ByeCode::stopping, why, reason);
    upstream_.home().counters.drops(DropReason::app_server_lost).add(unhandled);
    loop_.bury(std::move(pool_));
}

void AppServer::dial() {
    announced_ = false;
    misfit_.clear();
    pool_ = std::make_unique<LanePool>(loop_, *this, settings_);
    pool_->dial();
}

void AppServer::on_redial(net::Clock::time_point) {
    if (!retired_ && !pool_) dial();
}

std::string AppServer::check(const protocol::Hello& app) {
    const std::string name = app.name.empty() ? settings_.address.to_string() : app.name;
    if (app.max_frame != 0 && app.max_frame < protocol::kLeastMaxFrame) {
        return misfit_ = "it takes frames of at most " + std::to_string(app.max_frame) + " bytes, which is less than " +
                         std::to_string(protocol::kLeastMaxFrame) + ", what one Open may need";
    }
    if (const AppServer* other = upstream_.find_epoch(app.epoch, *this)) {
        return misfit_ = "the same app server is linked as " + other->address().to_string();
    }
    if (!announced_) {
        announced_ = true;
        name_ = name;
        epoch_ = app.epoch;
        return {};
    }
    if (name == name_ && app.epoch == epoch_) return {};
    return misfit_ = several_app_servers_at(settings_.address.to_string());
}

void AppServer::on_pool_up() {
    state_ = AppServerState::linked;
    was_linked_ = true;
    last_error_.clear();
    up_since_ = loop_.now();
    log_info("app server linked", {{"upstream", upstream_.name()},
                                   {"app_server", settings_.address.to_string()},
                                   {"name", name_},
                                   {"lanes", settings_.lanes}});
    upstream_.on_app_server_changed();
}

void AppServer::on_pool_ended(const PoolEnd& end) {
    const std::string why = misfit_.empty() ? end.why : misfit_;
    upstream_.home().counters.drops(DropReason::app_server_lost).add(end.unhandled);
    const bool was_up = state_ == AppServerState::linked;
    state_ = was_linked_ ? AppServerState::lost : AppServerState::failed;
    const bool is_news = last_error_ != why;
    last_error_ = why;
    if (was_up || is_news) {  // one line per cause, not one per attempt
        log_warn(was_up ? "app server lost" : "app server not linked",
                 {{"upstream", upstream_.name()}, {"app_server", settings_.address.to_string()}, {"why", why}});
    }
    loop_.bury(std::move(pool_));
    upstream_.on_app_server_changed();
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

protocol::Result<void> AppServer::on_chunk(PoolLane& lane, unsigned index, protocol::Bytes chunk) {
    FromApp from_app(upstream_, lane, index);
    return lane.linked.lane.receive(chunk, loop_.now(), from_app);
}

PoolLane* AppServer::next_lane() {
    if (!has_pool_up()) return nullptr;
    for (unsigned tried = 0; tried < pool_->size(); ++tried, ++next_key_) {
        PoolLane& lane = pool_->lane(next_key_ % pool_->size());
        if (!lane.is_blocked()) return &lane;
    }
    return nullptr;
}

AppServer::Place AppServer::take_place() {
    const std::uint8_t key = next_key_++;
    return {&pool_->lane(key % pool_->size()), key};
}

AppServerSnapshot AppServer::snapshot() const {
    AppServerSnapshot snapshot;
    snapshot.address = settings_.address.to_string();
    snapshot.name = name_;
    snapshot.epoch = static_cast<std::uint64_t>(epoch_);
    snapshot.state = state_;
    snapshot.up_since = up_since_;
    snapshot.lanes_up = pool_ ? pool_->lanes_up() : 0;
    snapshot.lanes = settings_.lanes;
    snapshot.last_error = last_error_;
    return snapshot;
}

}  // namespace trunkline::proxy
