#include "appserver-sdk/src/core/pool_events.hpp"

#include <string>

namespace trunkline {
namespace {

std::string describe(Pool& pool) {
    return describe(pool.peer()) + ": the pool of worker " + std::to_string(pool.worker());
}

}  // namespace

void PoolEvents::on_up(Pool& pool) {
    parts_.calls.add_pool(pool.budget());
    ProxyPeer& peer = pool.peer();
    parts_.log.write(LogLevel::info, describe(pool) + " is up with " + std::to_string(pool.lanes().size()) + " lanes");
    parts_.proxies.publish();
    parts_.writability.check_all_later();
    if (peer.has_begun && peer.was_up) return;
    const auto begin_soon = [this, epoch = peer.epoch()] { begin(epoch); };
    if (!peer.are_all_up()) {  // a worker that cannot link must not keep the others waiting for ever
        return parts_.tasks.run_at(net::Clock::now() + parts_.options.warm_up, begin_soon);
    }
    peer.was_up = true;
    const auto& on_proxy_up = parts_.callbacks.handlers.on_proxy_up;
    if (on_proxy_up) parts_.callbacks.run("on_proxy_up", [&] { on_proxy_up(peer.info()); });
    parts_.tasks.defer(begin_soon);
}

/// From now on the frames of this proxy are handled: first those that its pools have kept until now.
void PoolEvents::begin(protocol::Epoch proxy) {
    for (const auto& peer : parts_.proxies.peers()) {
        if (peer->epoch() == proxy) peer->has_begun = true;
    }
    for (Pool* pool : parts_.proxies.pools()) {
        if (pool->peer().epoch() == proxy) pool->go_on();
    }
}

void PoolEvents::on_resized(Pool& pool) {
    parts_.log.write(LogLevel::info, describe(pool) + " has " + std::to_string(pool.budget()->lanes()) + " lanes");
    parts_.proxies.publish();
    parts_.room.on_resized(pool);
    parts_.tasks.defer([this, id = pool.id()] {  // the frames that waited behind Marks
        if (Pool* found = parts_.proxies.find(id)) found->go_on();
    });
}

void PoolEvents::on_ended(Pool& pool, std::string_view why) {
    const bool is_stopping = parts_.stage >= Stage::stopping;
    parts_.log.write(is_stopping ? LogLevel::info : LogLevel::warning, describe(pool) + " ended with " +
                                                                           std::to_string(pool.connections().size()) +
                                                                           " connections: " + std::string(why));
    parts_.calls.take();
    if (pool.is_up()) parts_.outgoing.remove_pool(pool.budget());
    parts_.sends.on_pool_ended(pool);
    parts_.connections.end_all(pool, {is_stopping ? ClosedBy::app : ClosedBy::proxy_lost, 1012, std::string(why)});
    const auto lost = parts_.proxies.remove(pool);
    parts_.proxies.publish();
    parts_.tasks.defer([this, lost] {
        const auto& on_proxy_lost = parts_.callbacks.handlers.on_proxy_lost;
        if (lost && on_proxy_lost) parts_.callbacks.run("on_proxy_lost", [&] { on_proxy_lost(*lost); });
        parts_.writability.check_all_later();
    });
}

}  // namespace trunkline
