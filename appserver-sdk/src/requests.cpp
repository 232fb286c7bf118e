#include "appserver-sdk/src/requests.hpp"

#include <algorithm>
#include <utility>

namespace trunkline {

void Requests::add(std::int32_t id, std::vector<AskedLane> asked, Completion completion) {
    open_.insert_or_assign(id, Request{std::move(asked), std::move(completion), false, AckStatus::not_found});
}

Requests::Outcome Requests::on_answer(std::int32_t id, AskedLane from, AckStatus status) {
    const auto found = open_.find(id);
    if (found == open_.end()) return {};
    Request& request = found->second;
    const auto lane = std::find(request.waiting_for.begin(), request.waiting_for.end(), from);
    if (lane == request.waiting_for.end()) return {};
    *lane = request.waiting_for.back();
    request.waiting_for.pop_back();

    Outcome outcome;
    if (status == AckStatus::ok) {
        outcome.completion = std::exchange(request.completion, nullptr);
        outcome.status = AckStatus::ok;
    } else if (status != AckStatus::not_found) {
        request.other = status;
    }
    if (request.waiting_for.empty()) {
        if (request.completion) outcome = conclude(request);
        open_.erase(found);
    }
    outcome.counted = true;
    return outcome;
}

std::vector<Requests::Outcome> Requests::on_pool_ended(const Pool* pool) {
    std::vector<Outcome> outcomes;
    for (auto it = open_.begin(); it != open_.end();) {
        Request& request = it->second;
        const auto lost = std::erase_if(request.waiting_for, [&](const AskedLane& lane) { return lane.pool == pool; });
        if (lost != 0) request.some_ended = true;
        if (!request.waiting_for.empty()) {
            ++it;
            continue;
        }
        if (request.completion) outcomes.push_back(conclude(request));
        it = open_.erase(it);
    }
    return outcomes;
}

Requests::Outcome Requests::conclude(Request& request) {
    Outcome outcome;
    outcome.completion = std::exchange(request.completion, nullptr);
    outcome.status = request.some_ended ? AckStatus::unknown : request.other;
    return outcome;
}

}  // namespace trunkline
