#include "appserver-sdk/src/core/sends.hpp"

#include <utility>

#include "trunkline/protocol/service/decode.hpp"

namespace trunkline {
namespace {

/// Whether this frame, one of ours, brings a message to clients; the others tell the proxy something.
bool is_message(std::string_view frame) {
    const auto length = protocol::read_length(frame, protocol::kMaxFrameLength);
    const auto type = protocol::peek_type(frame.substr(length.value()->prefix));
    switch (type.value()) {
        case protocol::Data::kType:
        case protocol::ConnectionData::kType:
        case protocol::MultiConnectionData::kType:
        case protocol::UserData::kType:
        case protocol::MultiUserData::kType:
        case protocol::BroadcastData::kType:
        case protocol::GroupBroadcastData::kType:
        case protocol::MultiGroupBroadcastData::kType: return true;
        default: return false;
    }
}

}  // namespace

Sends::Sends(Outgoing& outgoing, Calls& calls, Proxies& proxies, Callbacks& callbacks, Tasks& tasks,
             const Options& options, const Stage& stage)
    : outgoing_(outgoing),
      calls_(calls),
      proxies_(proxies),
      callbacks_(callbacks),
      tasks_(tasks),
      options_(options),
      limits_(options.limits),
      stage_(stage) {}

std::error_code Sends::send(Addressees to, std::string_view frame, std::int32_t request, Completion completion) {
    if (!calls_.is_on_loop()) {
        Call call;
        call.to = std::move(to);
        call.request = request;
        call.completion = std::move(completion);
        return outgoing_.submit(std::move(call), frame);
    }
    if (stage_ == Stage::finished) return errc::closed;
    if (to.connection && !to.connection->is_answered && to.connection->phase.load() != Phase::ended) {
        // Perhaps another thread has accepted it just now. That call has not come here yet, and it goes first.
        return errc::not_accepted;
    }
    const auto error = reserve(
        to, outgoing_.pools(), frame.size(), request, limits_,
        [&](const PoolBudget& pool, std::size_t lane) { return has_reserve(pool.lane[lane], limits_, frame.size()); });
    if (error) return error;
    std::vector<AskedLane> asked;
    append_to_all(to, frame, request != 0 ? &asked : nullptr);
    if (request != 0) requests_.add(request, std::move(asked), std::move(completion));
    return {};
}

void Sends::append(Call& call, std::string_view frame) {
    std::vector<AskedLane> asked;
    append_to_all(call.to, frame, call.request != 0 ? &asked : nullptr);
    if (call.request == 0) return;
    if (!asked.empty()) return requests_.add(call.request, std::move(asked), std::move(call.completion));
    // It was never written. If it was about one connection, that has ended: not found. If it was about a set, nobody
    // knows.
    const auto status = call.to.connection ? AckStatus::not_found : AckStatus::unknown;
    if (call.completion) tasks_.defer([completion = std::move(call.completion), status] { completion(status); });
}

void Sends::append_to_all(const Addressees& to, std::string_view frame, std::vector<AskedLane>* asked) {
    const bool may_linger = options_.linger > std::chrono::microseconds::zero() && is_message(frame);
    const auto append = [&](PoolLane& lane) {
        if (may_linger) {
            lane.pool.append_message(lane, frame);
        } else {
            lane.pool.append(lane, frame);
        }
        if (asked != nullptr) asked->push_back({&lane.pool, lane.index});
    };
    if (to.connection) {
        if (PoolLane* lane = home_lane(*to.connection)) return append(*lane);
        // The connection has ended after room was taken; its lane may still be there.
        LaneBudget& budget = to.connection->lane_budget();
        budget.used_bytes.fetch_sub(frame.size(), std::memory_order_relaxed);
        if (asked != nullptr) budget.open_requests.fetch_sub(1, std::memory_order_relaxed);
        return;
    }
    for (const auto& peer : proxies_.peers()) {
        for (const auto& pool : peer->pools()) {
            if (!pool || !pool->is_up() || pool->has_ended() || !to.include(*pool->budget())) continue;
            for (std::uint32_t i = 0; i < pool->budget()->lanes(); ++i) append(*pool->lanes()[i]);
        }
    }
}

void Sends::on_answer(PoolLane& lane, std::int32_t request, AckStatus status) {
    auto outcome = requests_.on_answer(request, {&lane.pool, lane.index}, status);
    if (outcome.counted) lane.budget.open_requests.fetch_sub(1, std::memory_order_relaxed);
    if (outcome.completion) callbacks_.run("a completion", [&] { outcome.completion(outcome.status); });
}

void Sends::on_pool_ended(const Pool& pool) {
    for (auto& outcome : requests_.on_pool_ended(&pool)) {
        tasks_.defer([completion = std::move(outcome.completion), status = outcome.status] { completion(status); });
    }
}

}  // namespace trunkline
