#include "proxy/upstreams/native/from_app.hpp"

#include <charconv>

#include "trunkline/protocol/service/encode.hpp"
#include "trunkline/protocol/websocket/frame_writer.hpp"

namespace trunkline::proxy {

using protocol::Bytes;
using protocol::errc;
using protocol::PayloadKind;
using protocol::Result;
namespace websocket = protocol::websocket;

namespace {

Session& session_of(Member& member) { return static_cast<Session&>(member); }

/// The reason of a close verb: `NNNN text` with a close code that may be sent, or only text.
struct CloseWords {
    std::uint16_t code = 1000;
    Bytes text;

    explicit CloseWords(Bytes reason) : text(reason) {
        std::uint16_t number = 0;
        if (reason.size() < 4 || (reason.size() > 4 && reason[4] != ' ')) return;
        const auto [end, ec] = std::from_chars(reason.data(), reason.data() + 4, number);
        if (ec != std::errc() || end != reason.data() + 4 || !websocket::may_be_sent(number)) return;
        code = number;
        text = reason.size() > 5 ? reason.substr(5) : Bytes{};
    }
};

/// Gathers the members of a set that are not left out.
struct Collect {
    std::vector<Session*>& sessions;
    const ExceptSet& except;

    void operator()(Member& member) const {
        if (!except.contains(member)) sessions.push_back(&session_of(member));
    }
};

/// What a raw WebSocket client gets of a fan-out: the payload `text`, else `binary`; framed once for all of them.
class RawFrame {
  public:
    explicit RawFrame(const protocol::PayloadMap& payloads) {
        auto opcode = websocket::Opcode::text;
        auto payload = payloads.find("text");
        if (!payload) {
            opcode = websocket::Opcode::binary;
            payload = payloads.find("binary");
        }
        if (!payload) return;
        payload_bytes = payload->size();
        char header[websocket::kMaxServerHeader];
        const std::size_t n = websocket::write_header(header, opcode, payload->size());
        frame = net::SharedBytes::build(n + payload->size(), [&](char* out) {
            std::copy_n(header, n, out);
            std::copy(payload->begin(), payload->end(), out + n);
        });
    }

    net::SharedBytes frame;  // empty: nothing in it is for a raw client
    std::size_t payload_bytes = 0;
};

}  // namespace

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

/// The session, or null if the connection has ended here and the frame is late. A chan that was never opened is poison.
Result<Session*> FromApp::find(protocol::Chan chan) {
    Session* session = lane_.pool().chans().find(chan);
    if (session == nullptr) {
        const auto number = static_cast<std::uint64_t>(chan);
        if (number == 0 || number > lane_.pool().chans().highest()) return errc::bad_chan;
        counters_.late_frames.add();
        return static_cast<Session*>(nullptr);
    }
    if (!home_.is_home_of(session->key())) return errc::bad_chan;
    return session;
}

Result<void> FromApp::on(const protocol::Data& message) {
    TRUNKLINE_TRY(Session * session, find(message.chan));
    if (session != nullptr) session->deliver(message.kind, message.payload);
    return protocol::success();
}

Result<void> FromApp::on(const protocol::Accept& message) {
    TRUNKLINE_TRY(Session * session, find(message.chan));
    if (session == nullptr) return protocol::success();
    std::vector<Bytes> groups;
    message.groups.for_each([&](Bytes group) { groups.push_back(group); });
    session->on_accept(message.user, groups, message.subprotocol);
    return protocol::success();
}

Result<void> FromApp::on(const protocol::Close& message) {
    TRUNKLINE_TRY(Session * session, find(message.chan));
    if (session != nullptr) session->on_app_close(message.code, message.reason);
    return protocol::success();
}

Result<void> FromApp::on(const protocol::Pause& message) {
    TRUNKLINE_TRY(Session * session, find(message.chan));
    if (session != nullptr) session->on_app_pause(message.on);
    return protocol::success();
}

Result<void> FromApp::on(const protocol::Detached& message) {
    TRUNKLINE_TRY(Session * session, find(message.chan));
    if (session != nullptr) session->on_detached();
    return protocol::success();
}

void FromApp::on(const protocol::Drain& message) {
    if (message.mode == 0) lane_.pool().drain();
}

Result<void> FromApp::on(const protocol::Mark& message) {
    TRUNKLINE_CHECK(lane_.pool().on_mark(lane_, message));
    home_.lanes = lane_.pool().lanes_in();
    return protocol::success();
}

// --- One connection, by its id ---

Session* FromApp::find(Bytes connection_id) const {
    const auto id = protocol::ConnectionId::parse(connection_id);
    if (!id) return nullptr;
    Member* member = directory_.find(*id);
    return member != nullptr && home_.is_home_of(member->key()) ? &session_of(*member) : nullptr;
}

void FromApp::on(const protocol::CloseConnection& message) {
    Session* session = find(message.connection_id);
    if (session != nullptr) close_all({session}, message.error);
}

void FromApp::on(const protocol::JoinGroup& message) {
    if (Session* session = find(message.connection_id)) directory_.join(*session, message.group);
}

void FromApp::on(const protocol::LeaveGroup& message) {
    Session* session = find(message.connection_id);
    if (session == nullptr) return;
    if (message.group) {
        directory_.leave(*session, *message.group);
    } else {
        directory_.leave_all(*session);
    }
}

Result<void> FromApp::on(const protocol::JoinGroupWithAck& message) {
    Session* session = find(message.connection_id);
    if (session != nullptr) directory_.join(*session, message.group);
    return answer(message.ack_id, session != nullptr);
}

Result<void> FromApp::on(const protocol::LeaveGroupWithAck& message) {
    const bool found = find(message.connection_id) != nullptr;
    on(protocol::LeaveGroup{message.connection_id, message.group});
    return answer(message.ack_id, found);
}

Result<void> FromApp::on(const protocol::CheckConnectionExistenceWithAck& message) {
    return answer(message.ack_id, find(message.connection_id) != nullptr);
}

// --- A set of connections. Collected first: what is done to a session may change the directory. ---

FromApp::Sessions FromApp::in_group(Bytes group, const ExceptSet& except) const {
    Sessions sessions;
    directory_.for_each_in_group(group, Collect{sessions, except}, home_);
    return sessions;
}

FromApp::Sessions FromApp::of_user(Bytes user, const ExceptSet& except) const {
    Sessions sessions;
    directory_.for_each_of_user(user, Collect{sessions, except}, home_);
    return sessions;
}

ExceptSet FromApp::except(const protocol::StringList& ids, const protocol::StringList& users) const {
    ExceptSet except;
    ids.for_each([&](Bytes id) { except.add_connection(directory_, id); });
    users.for_each([&](Bytes user) { except.add_user(directory_, user); });
    except.seal();
    return except;
}

void FromApp::fan_out(const Sessions& sessions, const protocol::PayloadMap& payloads) {
    if (home_.lane == 0) counters_.fanout_frames.add();  // its copies on the other lanes are the same one
    if (sessions.empty()) return;
    const RawFrame raw(payloads);
    for (Session* session : sessions) {
        if (raw.frame.empty()) {
            counters_.drops(DropReason::no_fitting_payload).add();
        } else {
            session->deliver(raw.frame, raw.payload_bytes);
        }
    }
}

void FromApp::on(const protocol::MultiConnectionData& message) {
    Sessions sessions;
    message.connection_ids.for_each([&](Bytes id) {
        if (Session* session = find(id)) sessions.push_back(session);
    });
    fan_out(sessions, message.payloads);
}

void FromApp::on(const protocol::UserData& message) { fan_out(of_user(message.user_id), message.payloads); }

void FromApp::on(const protocol::MultiUserData& message) {
    Sessions sessions;
    message.user_ids.for_each([&](Bytes user) {
        const auto more = of_user(user);
        sessions.insert(sessions.end(), more.begin(), more.end());
    });
    fan_out(sessions, message.payloads);
}

void FromApp::on(const protocol::BroadcastData& message) {
    Sessions sessions;
    const ExceptSet left_out = except(message.excluded_connection_ids);
    directory_.for_each(Collect{sessions, left_out}, home_);
    fan_out(sessions, message.payloads);
}

void FromApp::on(const protocol::GroupBroadcastData& message) {
    fan_out(in_group(message.group, except(message.excluded_connection_ids, message.excluded_user_ids)),
            message.payloads);
}

void FromApp::on(const protocol::MultiGroupBroadcastData& message) {
    // Each group is a send of its own: who is in two of them gets it twice, as SignalR's Groups(...) has it.
    message.groups.for_each([&](Bytes group) { fan_out(in_group(group), message.payloads); });
}

void FromApp::on(const protocol::UserJoinGroup& message) {
    directory_.join_user(message.user_id, message.group, home_);
}

void FromApp::on(const protocol::UserLeaveGroup& message) {
    if (message.group) {
        directory_.leave_user(message.user_id, *message.group, home_);
    } else {
        directory_.leave_user_all(message.user_id, home_);
    }
}

Result<void> FromApp::on(const protocol::UserJoinGroupWithAck& message) {
    return answer(message.ack_id, directory_.join_user(message.user_id, message.group, home_) != 0);
}

Result<void> FromApp::on(const protocol::UserLeaveGroupWithAck& message) {
    on(protocol::UserLeaveGroup{message.user_id, message.group});
    return answer(message.ack_id, directory_.has_user(message.user_id, home_));
}

Result<void> FromApp::on(const protocol::CheckUserInGroupWithAck& message) {
    return answer(message.ack_id, directory_.is_user_in_group(message.user_id, message.group, home_));
}

Result<void> FromApp::on(const protocol::CheckGroupExistenceWithAck& message) {
    return answer(message.ack_id, directory_.has_group(message.group, home_));
}

Result<void> FromApp::on(const protocol::CheckUserExistenceWithAck& message) {
    return answer(message.ack_id, directory_.has_user(message.user_id, home_));
}

Result<void> FromApp::on(const protocol::CloseUserConnectionsWithAck& message) {
    const auto sessions = of_user(message.user_id, except(message.excluded_connection_ids));
    return answer(message.ack_id, close_all(sessions, message.reason) != 0);
}

Result<void> FromApp::on(const protocol::CloseGroupConnectionsWithAck& message) {
    const auto sessions = in_group(message.group, except(message.excluded_connection_ids));
    return answer(message.ack_id, close_all(sessions, message.reason) != 0);
}

std::size_t FromApp::close_all(const Sessions& sessions, const std::optional<Bytes>& reason) {
    const CloseWords words(reason.value_or(Bytes{}));
    for (Session* session : sessions) session->close(CloseReason::closed_by_verb, words.code, words.text);
    return sessions.size();
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
