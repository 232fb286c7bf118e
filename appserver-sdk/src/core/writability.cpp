#include "appserver-sdk/src/core/writability.hpp"

#include <iterator>
#include <utility>

namespace trunkline {

Writability::Writability(Outgoing& outgoing, Calls& calls, Proxies& proxies, Callbacks& callbacks, Tasks& tasks,
                         const Limits& limits, const Stage& stage)
    : outgoing_(outgoing),
      calls_(calls),
      proxies_(proxies),
      callbacks_(callbacks),
      tasks_(tasks),
      limits_(limits),
      stage_(stage) {}

void Writability::when_writable(std::shared_ptr<ConnectionState> connection, WritableCallback callback) {
    if (calls_.is_on_loop() && stage_ != Stage::finished) {
        calls_.take();
        return add(connection, std::move(callback));
    }
    Call call;
    call.what = Call::What::wait;
    call.to.connection = std::move(connection);
    call.waiter = callback;
    if (const auto error = outgoing_.submit_control(std::move(call))) callback(error);
}

void Writability::add(const std::shared_ptr<ConnectionState>& connection, WritableCallback&& callback) {
    if (connection == nullptr) {
        all_waiters_.push_back(std::move(callback));
        return check_all_later();
    }
    if (connection->pool == nullptr) {
        return tasks_.defer([callback = std::move(callback)] { callback(errc::closed); });
    }
    connection->writable_waiters.push_back(std::move(callback));
    tasks_.defer([this, connection] { check(*connection); });
}

void Writability::check(ConnectionState& connection) {
    // Only those that wait now: a callback that waits again is called in a later turn.
    auto waiters = std::exchange(connection.writable_waiters, {});
    auto next = waiters.begin();
    for (; next != waiters.end(); ++next) {
        PoolLane* lane = home_lane(connection);
        if (lane == nullptr) {
            callbacks_.run("a writable callback", [&] { (*next)(errc::closed); });
            continue;
        }
        // The answer and on_backlog call this again.
        if (!connection.is_answered || connection.backlogged.load(std::memory_order_relaxed)) break;
        if (!has_room(lane->budget, limits_)) {
            lane->wait(connection);
            break;
        }
        callbacks_.run("a writable callback", [&] { (*next)({}); });
    }
    connection.writable_waiters.insert(connection.writable_waiters.begin(), std::make_move_iterator(next),
                                       std::make_move_iterator(waiters.end()));
}

void Writability::fail(ConnectionState& connection) {
    for (auto& waiter : std::exchange(connection.writable_waiters, {})) {
        tasks_.defer([waiter = std::move(waiter)] { waiter(errc::closed); });
    }
}

bool Writability::is_all_writable() const {
    bool any = false;
    for (Pool* pool : proxies_.pools()) {
        if (!pool->is_up()) continue;
        any = true;
        for (const auto& lane : pool->lanes()) {
            if (!has_room(lane->budget, limits_)) return false;
        }
    }
    return any;
}

void Writability::check_all_later() {
    if (!all_waiters_.empty()) tasks_.defer([this] { check_all(); });
}

void Writability::check_all() {
    auto waiters = std::exchange(all_waiters_, {});
    auto next = waiters.begin();
    for (; next != waiters.end() && is_all_writable(); ++next) {
        callbacks_.run("a writable callback", [&] { (*next)({}); });
    }
    all_waiters_.insert(all_waiters_.begin(), std::make_move_iterator(next), std::make_move_iterator(waiters.end()));
}

void Writability::finish() {
    for (auto& waiter : std::exchange(all_waiters_, {})) {
        callbacks_.run("a writable callback", [&] { waiter(errc::closed); });
    }
}

}  // namespace trunkline
