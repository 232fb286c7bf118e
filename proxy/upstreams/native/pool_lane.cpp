#include "proxy/upstreams/native/pool_lane.hpp"

#include <iterator>
#include <utility>

#include "proxy/clients/session.hpp"
#include "proxy/upstreams/native/lane_pool.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::proxy {

using protocol::Bytes;

namespace {

constexpr std::size_t kLongestAnswer = 13;
constexpr std::size_t kReserveOfAnswers = 64 << 10;
static_assert(kReserveOfAnswers >= protocol::kMaxOpenRequests * kLongestAnswer);

}  // namespace

void PoolLane::send_data(protocol::Chan chan, protocol::PayloadKind kind, Bytes payload) {
    char header[protocol::kMaxDataHeader];
    const std::size_t n = protocol::encode_data_header(header, chan, kind, payload.size());
    linked.send_data({header, n}, payload);
}

std::size_t PoolLane::max_payload() const noexcept {
    return static_cast<std::size_t>(pool_.app_max_frame()) - protocol::kMaxDataHeader;
}

bool PoolLane::send_control(Bytes frame) {
    if (!linked.lane.has_reserve(frame.size(), kReserveOfAnswers)) return false;
    linked.send(frame);
    return true;
}

bool PoolLane::send_answer(Bytes frame) {
    if (!linked.lane.has_reserve(frame.size())) return false;
    linked.send(frame);
    return true;
}

void PoolLane::wait(Session& session) {
    blocked_ = true;
    waiting_.push_back(&session);
}

void PoolLane::stop_waiting(Session& session) { std::erase(waiting_, &session); }

void PoolLane::forget_waiting() noexcept {
    waiting_.clear();
    awaiting_ack_.clear();
}

void PoolLane::forget(protocol::Chan chan) { pool_.chans().remove(chan); }

void PoolLane::keep(Departed&& departed) {
    departed.behind = linked.lane.appended();
    departed_.push_back(std::move(departed));
}

std::vector<Departed> PoolLane::take_departed() {
    forget_handled();
    std::vector<Departed> taken(std::make_move_iterator(departed_.begin()), std::make_move_iterator(departed_.end()));
    departed_.clear();
    return taken;
}

void PoolLane::forget_handled() {
    while (!departed_.empty() && departed_.front().behind <= linked.lane.peer_handled()) departed_.pop_front();
}

void PoolLane::wake_waiting() {
    forget_handled();
    for (Session* session : std::exchange(awaiting_ack_, {})) session->on_acknowledged();
    if (!blocked_ || linked.lane.held_bytes() > ring_bytes_ / 2) return;
    blocked_ = false;
    std::vector<Session*> woken;
    woken.swap(waiting_);
    for (Session* session : woken) session->on_lane_room();
}

}  // namespace trunkline::proxy
