#include "appserver-sdk/src/from_proxy.hpp"

#include "appserver-sdk/src/core.hpp"
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
    if (!pool_.holds_lease(net::Clock::now())) return Handled::done;
    // What this frame's callback sends to a group is to reach the clients of all workers of its proxy.
    if (!pool_.peer().has_begun) return Handled::later;
    if (pool_.barrier().holds_back(slot_.index)) return Handled::later;
    // What this frame causes may have to be sent on this lane: without room it waits, and all behind it.
    if (!has_room(slot_.budget, core_.limits())) return Handled::later;
    TRUNKLINE_CHECK(protocol::decode(body, *this));
    return Handled::done;
}

protocol::Result<void> FromProxy::on_unsequenced(std::uint32_t type, Bytes body) {
    if (pool_.has_ended() || type != protocol::Bye::kType) return protocol::success();
    return protocol::decode(body, *this);
}

protocol::Result<const Connection*> FromProxy::find(protocol::Chan chan) const {
    const Connection* found = pool_.connections().find(chan);
    if (found == nullptr) {
        if (static_cast<std::uint64_t>(chan) > slot_.highest_opened) return protocol::errc::bad_chan;
        return nullptr;  // late: it ended here while this was under way
    }
    if (!is_home_of(core_.key_of(*found))) return protocol::errc::bad_chan;
    return found;
}

protocol::Result<void> FromProxy::on(const protocol::Open& message) {
    const auto chan = static_cast<std::uint64_t>(message.chan);
    if (!pool_.is_up()) return protocol::errc::unexpected_frame;
    if (chan <= slot_.highest_opened || !is_home_of(message.key)) return protocol::errc::bad_chan;
    TRUNKLINE_CHECK(core_.on_open(slot_, message));
    slot_.highest_opened = chan;
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::Data& message) {
    TRUNKLINE_TRY(auto found, find(message.chan));
    if (found == nullptr) return protocol::success();
    // A copy of the handle: the callback may end the connection, which takes it out of the table.
    const Connection connection = *found;
    core_.on_data(connection, {kind_of(message.kind), message.payload, message.redelivered});
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::Close& message) {
    TRUNKLINE_TRY(auto found, find(message.chan));
    if (found == nullptr) return protocol::success();
    const Connection connection = *found;
    const auto by = message.by == protocol::CloseBy::client ? ClosedBy::client : ClosedBy::proxy;
    core_.on_closed(connection, {by, message.code, std::string(message.reason)});
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::Detach& message) {
    if (!pool_.migrates()) return protocol::errc::unexpected_frame;
    TRUNKLINE_TRY(auto found, find(message.chan));
    if (found != nullptr) core_.on_detach(Connection(*found));
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::Drain& message) {
    if (message.mode == 1) pool_.on_drain_answered(slot_);
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::Mark& message) { return pool_.on_mark(slot_, message); }

protocol::Result<void> FromProxy::on(const protocol::Backlog& message) {
    TRUNKLINE_TRY(auto found, find(message.chan));
    if (found != nullptr) core_.on_backlog(Connection(*found), message.on);
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::RequestAck& message) {
    core_.on_request_answered(slot_, message.ack_id, status_of(message.status));
    return protocol::success();
}

protocol::Result<void> FromProxy::on(const protocol::Bye& message) {
    // Answered with Bye, so that the proxy knows that nobody here handles anything of this pool any more.
    pool_.end(protocol::ByeCode::stopping, "the proxy ended it (" + std::to_string(static_cast<int>(message.code)) +
                                               "): " + std::string(message.text));
    return protocol::success();
}

}  // namespace trunkline
