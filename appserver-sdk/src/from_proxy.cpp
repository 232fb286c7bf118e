#include "appserver-sdk/src/from_proxy.hpp"

#include "appserver-sdk/src/core/connections.hpp"
#include "appserver-sdk/src/core/sends.hpp"
#include "appserver-sdk/src/proxy_peer.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/try.hpp"

namespace trunkline {

using protocol::Bytes;
using protocol::Handled;

namespace {

MessageKind kind_of(protocol::PayloadKind kind) noexcept {
    return kind == protocol::PayloadKind::text ? MessageKind::text : MessageKind::binary;
}

AckStatus status_of(protocol::AckStatus status) noexcept {
    switch (status) {
        case protocol::AckStatus::ok: return AckStatus::ok;
        case protocol::AckStatus::not_found: return AckStatus::not_found;
        case protocol::AckStatus::timeout: return AckStatus::timed_out;
        default: return AckStatus::failed;
    }
}

}  // namespace

protocol::Result<Handled> FromProxy::on_sequenced(Bytes body) {
    if (!pool_.may_call_back(net::Clock::now())) return Handled::done;
    // What the callback for this frame sends to a group must reach the clients of all workers of the proxy.
    if (!pool_.peer().has_begun) return Handled::later;
    if (pool_.barrier().holds_back(lane_.index)) return Handled::later;
    // What this frame causes may have to be sent on this lane. Without room the frame waits, and all frames behind it.
    if (!has_room(lane_.budget, limits_)) return Handled::later;
    TRUNKLINE_CHECK(protocol::decode(body, *this));
    return Handled::done;
}

protocol::Result<void> FromProxy::on_unsequenced(std::uint32_t type, Bytes body) {
    if (pool_.has_ended() || type != protocol::Bye::kType) return protocol::success();
    return protocol::decode(body, *this);
}

protocol::Result<std::shared_ptr<ConnectionState>> FromProxy::find(protocol::Chan chan) const {
    const auto* found = pool_.connections().find(chan);
    if (found == nullptr) {
        if (static_cast<std::uint64_t>(chan) > lane_.highest_opened) return protocol::errc::bad_chan;
        return std::shared_ptr<ConnectionState>();  // it ended here while this frame was under way
    }
    if (!is_home_of((*found)->key)) return protocol::errc::bad_chan;
    return *found;
}

protocol::Result<void> FromProxy::on(const protocol::Open& message) {
    const auto chan = static_cast<std::uint64_t>(message.chan);
    if (!pool_.is_up()) return protocol::errc::unexpected_frame;
    if (chan <= lane_.highest_opened || !is_home_of(message.key)) return protocol::errc::bad_chan;
    TRUNKLINE_CHECK(connections_.on_open(lane_, message));
    lane_.highest_opened = chan;
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::Data& message) {
    TRUNKLINE_TRY(auto found, find(message.chan));
    if (found == nullptr) return protocol::success();
    connections_.on_data(std::move(found), {kind_of(message.kind), message.payload, message.redelivered});
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::Close& message) {
    TRUNKLINE_TRY(const auto found, find(message.chan));
    if (found == nullptr) return protocol::success();
    const auto by = message.by == protocol::CloseBy::client ? ClosedBy::client : ClosedBy::proxy;
    connections_.on_closed(found, {by, message.code, std::string(message.reason)});
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::Detach& message) {
    if (!pool_.migrates()) return protocol::errc::unexpected_frame;
    TRUNKLINE_TRY(const auto found, find(message.chan));
    if (found != nullptr) connections_.on_detach(found);
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::Drain& message) {
    if (message.mode == 1) pool_.on_drain_answered(lane_);
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::Mark& message) { return pool_.on_mark(lane_, message); }

protocol::Result<void> FromProxy::on(const protocol::Backlog& message) {
    TRUNKLINE_TRY(const auto found, find(message.chan));
    if (found != nullptr) connections_.on_backlog(found, message.on);
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::RequestAck& message) {
    sends_.on_answer(lane_, message.ack_id, status_of(message.status));
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::Bye& message) {
    // Answered with Bye: from then on the proxy knows that this app server handles no frame of the pool any more.
    pool_.end(protocol::ByeCode::stopping, "the proxy ended it (" + std::to_string(static_cast<int>(message.code)) +
                                               "): " + std::string(message.text));
    return protocol::success();
}

}  // namespace trunkline
