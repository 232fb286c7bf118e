#pragma once

#include <type_traits>

#include "trunkline/protocol/service/extension.hpp"
#include "trunkline/protocol/service/fields.hpp"
#include "trunkline/protocol/service/messages.hpp"
#include "trunkline/protocol/try.hpp"

namespace trunkline::protocol {
namespace decoding {

// `read` fills a message from its fields; the caller looks at `fields.error()` behind it.

/// Data in the form that encoders here give it, which is nearly every frame there is: three elements, a payload that
/// ends the body. False: it is something else, or not well formed; then the general reader decides.
inline bool read_plain_data(Bytes body, Data& message) noexcept {
    const char* at = body.data();
    const char* const end = at + body.size();
    const auto number = [&at, end](unsigned power, std::uint64_t& value) {
        const std::size_t width = std::size_t{1} << power;
        if (static_cast<std::size_t>(end - at) < width) return false;
        value = wire::load(at, width);
        at += width;
        return true;
    };
    if (body.size() < 4 || at[0] != '\x93' || at[1] != static_cast<char>(Data::kType)) return false;
    auto lead = static_cast<unsigned char>(at[2]);
    at += 3;
    std::uint64_t value = lead;
    if (lead >= wire::kFixMap) {
        if (lead < wire::kUint8 || lead > wire::kUint64 || !number(lead - wire::kUint8, value)) return false;
    }
    message.chan = Chan{value};
    if (at == end) return false;
    lead = static_cast<unsigned char>(*at++);
    if (lead >= wire::kStr8 && lead <= wire::kStr32) {
        message.kind = PayloadKind::text;
        if (!number(lead - wire::kStr8, value)) return false;
    } else if (lead >= wire::kBin8 && lead <= wire::kBin32) {
        message.kind = PayloadKind::binary;
        if (!number(lead - wire::kBin8, value)) return false;
    } else if ((lead & 0xe0) == wire::kFixStr) {
        message.kind = PayloadKind::text;
        value = lead & 0x1f;
    } else {
        return false;
    }
    message.payload = Bytes(at, static_cast<std::size_t>(end - at));
    return message.payload.size() == value;
}

inline void read(Fields& fields, Data& message) noexcept {
    message.chan = Chan{fields.uint64()};
    message.payload = fields.payload(message.kind);
    message.redelivered = fields.left() != 0 && fields.uint64() == 1;
}

void read(Fields& fields, Attach& message) noexcept;
void read(Fields& fields, Attached& message) noexcept;
void read(Fields& fields, Ack& message) noexcept;
void read(Fields& fields, Bye& message) noexcept;
void read(Fields& fields, Open& message) noexcept;
void read(Fields& fields, Accept& message) noexcept;
void read(Fields& fields, Close& message) noexcept;
void read(Fields& fields, Detach& message) noexcept;
void read(Fields& fields, Detached& message) noexcept;
void read(Fields& fields, Pause& message) noexcept;
void read(Fields& fields, Backlog& message) noexcept;
void read(Fields& fields, Drain& message) noexcept;
void read(Fields& fields, Mark& message) noexcept;

void read(Fields& fields, HandshakeRequest& message) noexcept;
void read(Fields& fields, HandshakeResponse& message) noexcept;
void read(Fields& fields, Ping& message) noexcept;
void read(Fields& fields, OpenConnection& message) noexcept;
void read(Fields& fields, CloseConnection& message) noexcept;
void read(Fields& fields, ConnectionData& message) noexcept;
void read(Fields& fields, MultiConnectionData& message) noexcept;
void read(Fields& fields, UserData& message) noexcept;
void read(Fields& fields, MultiUserData& message) noexcept;
void read(Fields& fields, BroadcastData& message) noexcept;
void read(Fields& fields, JoinGroup& message) noexcept;
void read(Fields& fields, LeaveGroup& message) noexcept;
void read(Fields& fields, GroupBroadcastData& message) noexcept;
void read(Fields& fields, MultiGroupBroadcastData& message) noexcept;
void read(Fields& fields, ServiceError& message) noexcept;
void read(Fields& fields, UserJoinGroup& message) noexcept;
void read(Fields& fields, UserLeaveGroup& message) noexcept;
void read(Fields& fields, JoinGroupWithAck& message) noexcept;
void read(Fields& fields, LeaveGroupWithAck& message) noexcept;
void read(Fields& fields, RequestAck& message) noexcept;
void read(Fields& fields, CheckUserInGroupWithAck& message) noexcept;
void read(Fields& fields, ServiceEvent& message) noexcept;
void read(Fields& fields, CheckGroupExistenceWithAck& message) noexcept;
void read(Fields& fields, CheckConnectionExistenceWithAck& message) noexcept;
void read(Fields& fields, CheckUserExistenceWithAck& message) noexcept;
void read(Fields& fields, UserJoinGroupWithAck& message) noexcept;
void read(Fields& fields, UserLeaveGroupWithAck& message) noexcept;
void read(Fields& fields, AccessKeyRequest& message) noexcept;
void read(Fields& fields, AccessKeyResponse& message) noexcept;
void read(Fields& fields, CloseConnectionWithAck& message) noexcept;
void read(Fields& fields, CloseConnectionsWithAck& message) noexcept;
void read(Fields& fields, CloseUserConnectionsWithAck& message) noexcept;
void read(Fields& fields, CloseGroupConnectionsWithAck& message) noexcept;
void read(Fields& fields, ClientInvocation& message) noexcept;
void read(Fields& fields, ClientCompletion& message) noexcept;
void read(Fields& fields, ErrorCompletion& message) noexcept;
void read(Fields& fields, ServiceMapping& message) noexcept;
void read(Fields& fields, ConnectionReconnect& message) noexcept;
void read(Fields& fields, ConnectionFlowControl& message) noexcept;

template <class Sink, class Message>
Result<void> hand_over(Sink& sink, const Message& message) {
    if constexpr (std::is_void_v<decltype(sink.on(message))>) {
        sink.on(message);
        return success();
    } else {
        return sink.on(message);
    }
}

template <class Message, class Sink>
Result<void> decode_as(Fields fields, Sink& sink) {
    Message message;
    read(fields, message);
    if (!fields.ok()) return fields.error();
    return hand_over(sink, message);
}

}  // namespace decoding

/// Decodes the body of one frame and calls `sink.on(const X&)` with the message it is, or `sink.on(const
/// UnknownMessage&)`. The message shows views into `body`. Nothing is allocated.
/// A sink has an overload of `on` for every type, or a catch-all template; without one this does not compile. An
/// overload returns nothing, or a `Result<void>` that `decode` then returns.
/// Missing trailing fields read as their defaults; further elements, and bytes behind the array, are ignored.
/// Errors: `truncated`, `bad_type`, `out_of_range`, `missing_field`, `too_deep`; the sink was not called then.
template <class Sink>
Result<void> decode(Bytes body, Sink& sink) {
    using decoding::decode_as;
    if (Data data; decoding::read_plain_data(body, data)) return decoding::hand_over(sink, data);
    Reader in(body);
    const std::uint32_t elements = in.array();
    if (in.ok() && elements == 0) return errc::missing_field;
    const auto type = in.integer<std::uint32_t>();
    if (!in.ok()) return in.error();
    const Fields fields(in, elements - 1);
    switch (type) {
        case Data::kType: return decode_as<Data>(fields, sink);
        case HandshakeRequest::kType: return decode_as<HandshakeRequest>(fields, sink);
        case HandshakeResponse::kType: return decode_as<HandshakeResponse>(fields, sink);
        case Ping::kType: return decode_as<Ping>(fields, sink);
        case OpenConnection::kType: return decode_as<OpenConnection>(fields, sink);
        case CloseConnection::kType: return decode_as<CloseConnection>(fields, sink);
        case ConnectionData::kType: return decode_as<ConnectionData>(fields, sink);
        case MultiConnectionData::kType: return decode_as<MultiConnectionData>(fields, sink);
        case UserData::kType: return decode_as<UserData>(fields, sink);
        case MultiUserData::kType: return decode_as<MultiUserData>(fields, sink);
        case BroadcastData::kType: return decode_as<BroadcastData>(fields, sink);
        case JoinGroup::kType: return decode_as<JoinGroup>(fields, sink);
        case LeaveGroup::kType: return decode_as<LeaveGroup>(fields, sink);
        case GroupBroadcastData::kType: return decode_as<GroupBroadcastData>(fields, sink);
        case MultiGroupBroadcastData::kType: return decode_as<MultiGroupBroadcastData>(fields, sink);
        case ServiceError::kType: return decode_as<ServiceError>(fields, sink);
        case UserJoinGroup::kType: return decode_as<UserJoinGroup>(fields, sink);
        case UserLeaveGroup::kType: return decode_as<UserLeaveGroup>(fields, sink);
        case JoinGroupWithAck::kType: return decode_as<JoinGroupWithAck>(fields, sink);
        case LeaveGroupWithAck::kType: return decode_as<LeaveGroupWithAck>(fields, sink);
        case RequestAck::kType: return decode_as<RequestAck>(fields, sink);
        case CheckUserInGroupWithAck::kType: return decode_as<CheckUserInGroupWithAck>(fields, sink);
        case ServiceEvent::kType: return decode_as<ServiceEvent>(fields, sink);
        case CheckGroupExistenceWithAck::kType: return decode_as<CheckGroupExistenceWithAck>(fields, sink);
        case CheckConnectionExistenceWithAck::kType: return decode_as<CheckConnectionExistenceWithAck>(fields, sink);
        case CheckUserExistenceWithAck::kType: return decode_as<CheckUserExistenceWithAck>(fields, sink);
        case UserJoinGroupWithAck::kType: return decode_as<UserJoinGroupWithAck>(fields, sink);
        case UserLeaveGroupWithAck::kType: return decode_as<UserLeaveGroupWithAck>(fields, sink);
        case AccessKeyRequest::kType: return decode_as<AccessKeyRequest>(fields, sink);
        case AccessKeyResponse::kType: return decode_as<AccessKeyResponse>(fields, sink);
        case CloseConnectionWithAck::kType: return decode_as<CloseConnectionWithAck>(fields, sink);
        case CloseConnectionsWithAck::kType: return decode_as<CloseConnectionsWithAck>(fields, sink);
        case CloseUserConnectionsWithAck::kType: return decode_as<CloseUserConnectionsWithAck>(fields, sink);
        case CloseGroupConnectionsWithAck::kType: return decode_as<CloseGroupConnectionsWithAck>(fields, sink);
        case ClientInvocation::kType: return decode_as<ClientInvocation>(fields, sink);
        case ClientCompletion::kType: return decode_as<ClientCompletion>(fields, sink);
        case ErrorCompletion::kType: return decode_as<ErrorCompletion>(fields, sink);
        case ServiceMapping::kType: return decode_as<ServiceMapping>(fields, sink);
        case ConnectionReconnect::kType: return decode_as<ConnectionReconnect>(fields, sink);
        case ConnectionFlowControl::kType: return decode_as<ConnectionFlowControl>(fields, sink);
        case Attach::kType: return decode_as<Attach>(fields, sink);
        case Attached::kType: return decode_as<Attached>(fields, sink);
        case Ack::kType: return decode_as<Ack>(fields, sink);
        case Bye::kType: return decode_as<Bye>(fields, sink);
        case Open::kType: return decode_as<Open>(fields, sink);
        case Accept::kType: return decode_as<Accept>(fields, sink);
        case Close::kType: return decode_as<Close>(fields, sink);
        case Detach::kType: return decode_as<Detach>(fields, sink);
        case Detached::kType: return decode_as<Detached>(fields, sink);
        case Pause::kType: return decode_as<Pause>(fields, sink);
        case Backlog::kType: return decode_as<Backlog>(fields, sink);
        case Drain::kType: return decode_as<Drain>(fields, sink);
        case Mark::kType: return decode_as<Mark>(fields, sink);
        default: return decoding::hand_over(sink, UnknownMessage{type});
    }
}

/// Decodes the body of a frame that must be a `Message`. Errors: those of `decode`, `unexpected_frame` for another
/// type.
template <class Message>
Result<Message> decode_only(Bytes body) {
    struct Sink {
        std::optional<Message> message;
        void on(const Message& decoded) { message = decoded; }
        void on(...) {}
    } sink;
    TRUNKLINE_CHECK(decode(body, sink));
    if (!sink.message) return errc::unexpected_frame;
    return *sink.message;
}

}  // namespace trunkline::protocol
