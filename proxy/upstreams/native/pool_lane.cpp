#include "proxy/upstreams/native/pool_lane.hpp"

#include <iterator>
#include <utility>

#include "proxy/upstreams/native/lane_pool.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::proxy {

using protocol::Bytes;

namespace {

constexpr std::size_t kLongestAnswer = 13;
constexpr std::size_t kReserveOfAnswers = 64 << 10;
static_assert(kReserveOfAnswers >= protocol::kMaxOpenRequests * kLongestAnswer);

template <class Message>
protocol::Buffer encoded(const Message& message) {
    protocol::Buffer frame;
    append(frame, message);
    return frame;
}

protocol::Buffer encoded_close(protocol::Chan chan, const ConnectionEnd& end) {
    return encoded(protocol::Close{chan, end.code, end.reason, end.by});
}

}  // namespace

protocol::Chan PoolLane::open(Attachment* attachment, protocol::Open& open, protocol::Buffer& frame) {
    open.chan = attachment != nullptr ? pool_.chans().add(*attachment) : pool_.chans().add_ended();
    append(frame, open);
    linked.send(frame);
    return open.chan;
}

void PoolLane::data(protocol::Chan chan, protocol::PayloadKind kind, Bytes payload) {
    char header[protocol::kMaxDataHeader];
    const std::size_t n = protocol::encode_data_header(header, chan, kind, payload.size());
    linked.send_data({header, n}, payload);
}

void PoolLane::redeliver(protocol::Chan chan, protocol::PayloadKind kind, Bytes payload) {
    linked.send_data(encoded(protocol::Data{chan, kind, payload, true}), {});
}

bool PoolLane::try_close(protocol::Chan chan, const ConnectionEnd& end) {
    return send_control(encoded_close(chan, end));
}

bool PoolLane::try_detach(protocol::Chan chan) { return send_control(encoded(protocol::Detach{chan})); }

bool PoolLane::try_backlog(protocol::Chan chan, Backlog backlog) {
    return send_control(encoded(protocol::Backlog{chan, backlog == Backlog::on}));
}

void PoolLane::close(protocol::Chan chan, const ConnectionEnd& end) {
    const auto frame = encoded_close(chan, end);
    if (!send_control(frame)) linked.send_data(frame, {});
}

void PoolLane::forget(protocol::Chan chan) { pool_.chans().remove(chan); }

bool PoolLane::is_draining() const noexcept { return pool_.is_draining(); }

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
    wake_acknowledged();
    if (was_blocked() && linked.lane.held_bytes() <= ring_bytes_ / 2) unblock();
}

}  // namespace trunkline::proxy
