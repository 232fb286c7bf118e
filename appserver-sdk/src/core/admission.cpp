#include "appserver-sdk/src/core/admission.hpp"

#include <chrono>
#include <utility>

#include "appserver-sdk/src/core/core.hpp"
#include "appserver-sdk/src/incoming_link.hpp"

namespace trunkline {
namespace {

using protocol::AttachStatus;

constexpr std::uint32_t kMaxWorkers = 1024;

std::uint32_t workers_of(const protocol::Hello& proxy) { return proxy.workers == 0 ? 1 : proxy.workers; }

}  // namespace

Admission::Admission(Core& core, net::Loop& loop, Proxies& proxies, Tasks& tasks, const Log& log, const Limits& limits,
                     const Stage& stage)
    : core_(core), loop_(loop), proxies_(proxies), tasks_(tasks), log_(log), limits_(limits), stage_(stage) {}

Decision Admission::decide(IncomingLink& link, const protocol::Hello& proxy, const protocol::Attach& attach) {
    if (stage_ >= Stage::stopping) return {AttachStatus::refused, nullptr};
    if (const auto wrong = what_is_wrong(proxy, attach); !wrong.empty()) return refuse(proxy, wrong);
    if (proxies_.has_ended(attach.pool)) return {AttachStatus::unknown_pool, nullptr};
    Pool* const pool = proxies_.find(attach.pool);
    if (pool != nullptr && !pool->may_call_back(net::Clock::now())) return {AttachStatus::unknown_pool, nullptr};
    probe_older_epochs(proxy);
    return pool == nullptr ? make_pool(link, proxy, attach) : attach_to(*pool, link, proxy, attach);
}

Decision Admission::refuse(const protocol::Hello& proxy, const std::string& why) const {
    log_.write(LogLevel::warning, "refused a link of proxy " + proxy.name + ": " + why);
    return {AttachStatus::refused, nullptr};
}

std::string Admission::what_is_wrong(const protocol::Hello& proxy, const protocol::Attach& attach) const {
    if (upstream_ && *upstream_ != proxy.upstream) {
        return "it is of upstream '" + proxy.upstream + "', this app server is of '" + *upstream_ + "'";
    }
    const std::uint32_t workers = workers_of(proxy);
    if (attach.lanes == 0 || attach.lanes > kMaxLanes || workers > kMaxWorkers || proxy.worker >= workers) {
        return "its lanes or worker are out of range";
    }
    if (proxy.max_frame != 0 && proxy.max_frame < protocol::kLeastMaxFrame) {
        return "it takes frames of less than " + std::to_string(protocol::kLeastMaxFrame) + " bytes";
    }
    return {};
}

Decision Admission::make_pool(IncomingLink& link, const protocol::Hello& proxy, const protocol::Attach& attach) {
    if (attach.attempt != 0) return {AttachStatus::unknown_pool, nullptr};
    if (attach.lane >= attach.lanes) return refuse(proxy, "its lane is out of range");
    if (stage_ == Stage::draining) return {AttachStatus::refused, nullptr};
    if (ProxyPeer* const known = proxies_.find(proxy)) {
        if (known->pools().size() != workers_of(proxy)) {
            return refuse(proxy, "it had another number of workers before");
        }
        Pool* const older = known->pools()[proxy.worker].get();
        if (older != nullptr) older->end(protocol::ByeCode::link_lost, "the worker has made a new pool");
    }
    // Looked up again: with its last pool a peer goes away.
    ProxyPeer* const known = proxies_.find(proxy);
    ProxyPeer& peer = known != nullptr ? *known : proxies_.add(proxy);
    Pool& pool = proxies_.add(peer, std::make_unique<Pool>(core_, peer, proxy, attach));
    upstream_ = proxy.upstream;
    return attach_to(pool, link, proxy, attach);
}

Decision Admission::attach_to(Pool& pool, IncomingLink& link, const protocol::Hello& proxy,
                              const protocol::Attach& attach) {
    const ProxyPeer& peer = pool.peer();
    if (peer.epoch() != proxy.epoch || *peer.id() != proxy.name || pool.worker() != proxy.worker) {
        return refuse(proxy, "the pool belongs to another worker");
    }
    PoolLane* const lane = pool.lane_for(attach);
    if (lane == nullptr) return {AttachStatus::refused, nullptr};  // the lane is removed, and the proxy learns it so
    if (lane->attempt && attach.attempt <= *lane->attempt) return refuse(proxy, "the lane had a newer attempt");
    lane->attempt = attach.attempt;
    if (IncomingLink* older = std::exchange(lane->link, &link)) older->close();  // the proxy does not read it any more
    return {AttachStatus::ok, lane};
}

/// A proxy with a known id and another epoch may be that proxy after a restart. Then the pools of the older epoch are
/// to end now, and not when their time without an answer is over. An older epoch that is alive has time to answer.
void Admission::probe_older_epochs(const protocol::Hello& proxy) {
    // As the stamp of the probe has it: in milliseconds, by the clock of this turn.
    const auto asked = std::chrono::floor<std::chrono::milliseconds>(loop_.now());
    for (Pool* older : proxies_.pools()) {
        if (*older->peer().id() != proxy.name || older->peer().epoch() == proxy.epoch) continue;
        older->probe();
        tasks_.run_at(net::Clock::now() + limits_.probe_timeout, [this, asked, id = older->id(), newer = proxy.epoch] {
            if (Pool* pool = proxies_.find(id)) end_if_silent(*pool, asked, newer);
        });
    }
}

void Admission::end_if_silent(Pool& pool, net::Clock::time_point asked, protocol::Epoch newer) {
    if (!pool.was_answered(asked)) {
        return pool.end(protocol::ByeCode::link_lost, "the proxy was restarted, and this epoch of it is silent");
    }
    ProxyPeer& older = pool.peer();
    if (!older.beside.insert(newer).second) return;  // logged already: each new link asks
    for (const auto& peer : proxies_.peers()) {
        if (peer->epoch() == newer) peer->beside.insert(older.epoch());
    }
    log_.write(LogLevel::info, describe(older) + " lives beside another of its id");
}

}  // namespace trunkline
