#include "proxy/upstreams/native/from_app.hpp"

#include "proxy/clients/session.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::proxy {

using protocol::Bytes;
using protocol::errc;
using protocol::Result;

Result<protocol::Handled> FromApp::on_sequenced(Bytes body) {
    if (lane_.pool().holds_back(lane_)) return protocol::Handled::later;
    if (auto decoded = protocol::decode(body, *this); !decoded) return decoded.error();
    return protocol::Handled::done;  // in the client's outbox, or it met its policy: never blocks
}

Result<void> FromApp::on_unsequenced(std::uint32_t type, Bytes body) {
    using namespace protocol;
    switch (type) {
        case Bye::kType: return decode(body, *this);
        case HandshakeRequest::kType:
        case HandshakeResponse::kType:
        case Attach::kType:
        case Attached::kType: return errc::unexpected_frame;
        default: return protocol::success();  // pings, and what a newer peer may say
    }
}

// --- One connection, by its chan ---

/// The attachment, or null if the connection has ended here and the frame is late. A chan that was never opened, or
/// has its home elsewhere, is an error.
Result<Attachment*> FromApp::find(protocol::Chan chan) {
    Attachment* attachment = lane_.pool().chans().find(chan);
    if (attachment == nullptr) {
        const auto number = static_cast<std::uint64_t>(chan);
        if (number == 0 || number > lane_.pool().chans().highest()) return errc::bad_chan;
        counters_.late_frames.add();
        return static_cast<Attachment*>(nullptr);
    }
    if (!verbs_.home().is_home_of(attachment->key())) return errc::bad_chan;
    return attachment;
}

Result<void> FromApp::on(const protocol::Data& message) {
    TRUNKLINE_TRY(Attachment * attachment, find(message.chan));
    if (attachment != nullptr) session_of(*attachment).deliver(message.kind, message.payload);
    return protocol::success();
}

Result<void> FromApp::on(const protocol::Accept& message) {
    TRUNKLINE_TRY(Attachment * attachment, find(message.chan));
    if (attachment == nullptr) return protocol::success();
    std::vector<Bytes> groups;
    message.groups.for_each([&](Bytes group) { groups.push_back(group); });
    session_of(*attachment).on_accept(message.user, groups, message.subprotocol);
    return protocol::success();
}

Result<void> FromApp::on(const protocol::Close& message) {
    TRUNKLINE_TRY(Attachment * attachment, find(message.chan));
    if (attachment != nullptr) session_of(*attachment).on_app_close(message.code, message.reason);
    return protocol::success();
}

Result<void> FromApp::on(const protocol::Pause& message) {
    TRUNKLINE_TRY(Attachment * attachment, find(message.chan));
    if (attachment != nullptr) attachment->on_app_pause(message.on);
    return protocol::success();
}

Result<void> FromApp::on(const protocol::Detached& message) {
    TRUNKLINE_TRY(Attachment * attachment, find(message.chan));
    if (attachment != nullptr) attachment->on_detached();
    return protocol::success();
}

// --- The pool ---

void FromApp::on(const protocol::Drain& message) {
    if (message.mode == 0) lane_.pool().drain();
}

Result<void> FromApp::on(const protocol::Mark& message) {
    TRUNKLINE_CHECK(lane_.pool().on_mark(lane_, message));
    verbs_.set_home_lanes(lane_.pool().lanes_in());
    return protocol::success();
}

/// Each lane answers for its own connections; the app server folds the answers. An app server keeps so few requests
/// open that the answers fit the reserve; one that does not ends its pool.
Result<void> FromApp::answer(std::int32_t ack_id, bool found) {
    protocol::Buffer frame;
    append(frame, protocol::RequestAck{ack_id, found ? protocol::AckStatus::ok : protocol::AckStatus::not_found});
    if (!lane_.send_answer(frame)) return errc::over_limit;
    return protocol::success();
}

}  // namespace trunkline::proxy
