#include "proxy/verbs/verbs.hpp"

#include <charconv>

#include "proxy/clients/session.hpp"
#include "proxy/verbs/encodings.hpp"
#include "trunkline/protocol/websocket/frame_writer.hpp"

namespace trunkline::proxy {

using protocol::Bytes;
namespace websocket = protocol::websocket;

namespace {

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

/// Gathers the sessions of a set that are not left out.
struct Collect {
    std::vector<Session*>& sessions;
    const ExceptSet& except;

    void operator()(Member& member) const {
        if (!except.contains(member)) sessions.push_back(&session_of(member));
    }
};

/// Hands decoded messages to the verbs that take them.
struct Applied {
    Verbs& verbs;

    template <class Message>
    void on(const Message& message) {
        if constexpr (requires { verbs.on(message); }) static_cast<void>(verbs.on(message));
    }
};

}  // namespace

void apply_verb(Verbs& verbs, Bytes body) {
    Applied applied{verbs};
    static_cast<void>(protocol::decode(body, applied));  // it was decoded by the worker that posts it
}

Session& session_of(const Attachment& attachment) noexcept { return static_cast<Session&>(attachment.client()); }

Session& session_of(Member& member) noexcept { return session_of(static_cast<Attachment&>(member)); }

// --- One connection, by its id ---

Session* Verbs::find(Bytes connection_id) const {
    const auto id = protocol::ConnectionId::parse(connection_id);
    Member* const member = id ? directory_.find(*id) : nullptr;
    return member != nullptr && home_.is_home_of(member->key()) ? &session_of(*member) : nullptr;
}

void Verbs::on(const protocol::CloseConnection& verb) {
    Session* session = find(verb.connection_id);
    if (session != nullptr) close_all({session}, verb.error);
}

void Verbs::on(const protocol::JoinGroup& verb) {
    if (Session* session = find(verb.connection_id)) directory_.join(session->attachment(), verb.group);
}

void Verbs::on(const protocol::LeaveGroup& verb) {
    Session* session = find(verb.connection_id);
    if (session == nullptr) return;
    if (verb.group) {
        directory_.leave(session->attachment(), *verb.group);
    } else {
        directory_.leave_all(session->attachment());
    }
}

bool Verbs::on(const protocol::JoinGroupWithAck& verb) {
    Session* session = find(verb.connection_id);
    if (session != nullptr) directory_.join(session->attachment(), verb.group);
    return session != nullptr;
}

bool Verbs::on(const protocol::LeaveGroupWithAck& verb) {
    const bool found = find(verb.connection_id) != nullptr;
    on(protocol::LeaveGroup{verb.connection_id, verb.group});
    return found;
}

bool Verbs::on(const protocol::CheckConnectionExistenceWithAck& verb) { return find(verb.connection_id) != nullptr; }

// --- A set of connections. Collected first: what is done to a session may change the directory. ---

Verbs::Sessions Verbs::in_group(Bytes group, const ExceptSet& except) const {
    Sessions sessions;
    directory_.for_each_in_group(group, Collect{sessions, except}, home_);
    return sessions;
}

Verbs::Sessions Verbs::of_user(Bytes user, const ExceptSet& except) const {
    Sessions sessions;
    directory_.for_each_of_user(user, Collect{sessions, except}, home_);
    return sessions;
}

ExceptSet Verbs::except(const protocol::StringList& ids, const protocol::StringList& users) const {
    ExceptSet except;
    ids.for_each([&](Bytes id) { except.add_connection(directory_, id); });
    users.for_each([&](Bytes user) { except.add_user(directory_, user); });
    except.seal();
    return except;
}

void Verbs::fan_out(const Sessions& sessions, const protocol::PayloadMap& payloads) {
    if (counts_) connections_.worker_counters.fanout_frames.add();
    if (sessions.empty()) return;
    Encodings encodings(payloads);
    for (Session* session : sessions) {
        const Encoded& encoded = encodings.get(session->client_protocol(), session->framing());
        if (encoded.message.empty()) {
            connections_.worker_counters.drops(DropReason::no_fitting_payload).add();
        } else {
            session->deliver(encoded.message, encoded.payload_bytes);
        }
    }
}

void Verbs::on(const protocol::MultiConnectionData& verb) {
    Sessions sessions;
    verb.connection_ids.for_each([&](Bytes id) {
        if (Session* session = find(id)) sessions.push_back(session);
    });
    fan_out(sessions, verb.payloads);
}

void Verbs::on(const protocol::UserData& verb) { fan_out(of_user(verb.user_id), verb.payloads); }

void Verbs::on(const protocol::MultiUserData& verb) {
    Sessions sessions;
    verb.user_ids.for_each([&](Bytes user) {
        const auto more = of_user(user);
        sessions.insert(sessions.end(), more.begin(), more.end());
    });
    fan_out(sessions, verb.payloads);
}

void Verbs::on(const protocol::BroadcastData& verb) {
    Sessions sessions;
    const ExceptSet left_out = except(verb.excluded_connection_ids);
    directory_.for_each(Collect{sessions, left_out}, home_);
    fan_out(sessions, verb.payloads);
}

void Verbs::on(const protocol::GroupBroadcastData& verb) {
    fan_out(in_group(verb.group, except(verb.excluded_connection_ids, verb.excluded_user_ids)), verb.payloads);
}

void Verbs::on(const protocol::MultiGroupBroadcastData& verb) {
    // Each group is a send of its own: who is in two of them gets it twice, as SignalR's Groups(...) has it.
    verb.groups.for_each([&](Bytes group) { fan_out(in_group(group), verb.payloads); });
}

void Verbs::on(const protocol::UserJoinGroup& verb) { directory_.join_user(verb.user_id, verb.group, home_); }

void Verbs::on(const protocol::UserLeaveGroup& verb) {
    if (verb.group) {
        directory_.leave_user(verb.user_id, *verb.group, home_);
    } else {
        directory_.leave_user_all(verb.user_id, home_);
    }
}

bool Verbs::on(const protocol::UserJoinGroupWithAck& verb) {
    return directory_.join_user(verb.user_id, verb.group, home_) != 0;
}

bool Verbs::on(const protocol::UserLeaveGroupWithAck& verb) {
    on(protocol::UserLeaveGroup{verb.user_id, verb.group});
    return directory_.has_user(verb.user_id, home_);
}

bool Verbs::on(const protocol::CheckUserInGroupWithAck& verb) {
    return directory_.is_user_in_group(verb.user_id, verb.group, home_);
}

bool Verbs::on(const protocol::CheckGroupExistenceWithAck& verb) { return directory_.has_group(verb.group, home_); }

bool Verbs::on(const protocol::CheckUserExistenceWithAck& verb) { return directory_.has_user(verb.user_id, home_); }

bool Verbs::on(const protocol::CloseUserConnectionsWithAck& verb) {
    const auto sessions = of_user(verb.user_id, except(verb.excluded_connection_ids));
    return close_all(sessions, verb.reason) != 0;
}

bool Verbs::on(const protocol::CloseGroupConnectionsWithAck& verb) {
    const auto sessions = in_group(verb.group, except(verb.excluded_connection_ids));
    return close_all(sessions, verb.reason) != 0;
}

std::size_t Verbs::close_all(const Sessions& sessions, const std::optional<Bytes>& reason) {
    const CloseWords words(reason.value_or(Bytes{}));
    for (Session* session : sessions) session->close(CloseReason::closed_by_verb, words.code, words.text);
    return sessions.size();
}

}  // namespace trunkline::proxy
