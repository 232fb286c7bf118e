#pragma once

#include <cassert>
#include <cstring>

#include "trunkline/protocol/limits.hpp"
#include "trunkline/protocol/service/extension.hpp"
#include "trunkline/protocol/service/messages.hpp"

namespace trunkline::protocol {

// `append` puts one whole frame, length prefix included, behind what `out` holds. Integers, strings and containers take
// their shortest form. Views are read during the call only; they may have been decoded from another frame, but not
// point into `out`. A frame longer than `kMaxFrameLength` is the caller's mistake.

/// The longest that `encode_data_header` writes is 21 bytes.
inline constexpr std::size_t kMaxDataHeader = 24;
/// What follows the payload of a redelivered Data, and only there.
inline constexpr Bytes kRedeliveredTrailer{"\x01", 1};

/// Writes a Data frame up to its payload, length prefix included, and returns how many bytes that took. The caller
/// then appends the `payload_length` bytes of payload and, if `redelivered`, `kRedeliveredTrailer`, which the prefix
/// has counted already.
inline std::size_t encode_data_header(char (&out)[kMaxDataHeader], Chan chan, PayloadKind kind,
                                      std::size_t payload_length, bool redelivered = false) noexcept {
    assert(payload_length <= kMaxFrameLength - kMaxDataHeader);
    char rest[16];
    char* at = rest;
    *at++ = redelivered ? '\x94' : '\x93';
    *at++ = static_cast<char>(Data::kType);
    const auto put = [&at](unsigned char lead, std::uint64_t value, std::size_t width) {
        *at++ = static_cast<char>(lead);
        at = wire::store(at, value, width);
    };
    const auto number = static_cast<std::uint64_t>(chan);
    if (number < 0x80)
        *at++ = static_cast<char>(number);
    else if (number <= 0xff)
        put(wire::kUint8, number, 1);
    else if (number <= 0xffff)
        put(wire::kUint16, number, 2);
    else if (number <= 0xffffffff)
        put(wire::kUint32, number, 4);
    else
        put(wire::kUint64, number, 8);
    const bool text = kind == PayloadKind::text;
    if (text && payload_length < 32)
        *at++ = static_cast<char>(wire::kFixStr | payload_length);
    else if (payload_length <= 0xff)
        put(text ? wire::kStr8 : wire::kBin8, payload_length, 1);
    else if (payload_length <= 0xffff)
        put(text ? wire::kStr16 : wire::kBin16, payload_length, 2);
    else
        put(text ? wire::kStr32 : wire::kBin32, payload_length, 4);

    const auto rest_length = static_cast<std::size_t>(at - rest);
    std::size_t length = rest_length + payload_length + (redelivered ? kRedeliveredTrailer.size() : 0);
    char* to = out;
    for (; length >= 0x80; length >>= 7) *to++ = static_cast<char>(length | 0x80);
    *to++ = static_cast<char>(length);
    std::memcpy(to, rest, rest_length);
    return static_cast<std::size_t>(to - out) + rest_length;
}

inline void append(Buffer& out, const Data& message) {
    char header[kMaxDataHeader];
    out.append(header,
               encode_data_header(header, message.chan, message.kind, message.payload.size(), message.redelivered));
    out.append(message.payload);
    if (message.redelivered) out.append(kRedeliveredTrailer);
}

void append(Buffer& out, const Attach& message);
void append(Buffer& out, const Attached& message);
void append(Buffer& out, const Ack& message);
void append(Buffer& out, const Bye& message);
void append(Buffer& out, const Open& message);
void append(Buffer& out, const Accept& message);
void append(Buffer& out, const Close& message);
void append(Buffer& out, const Detach& message);
void append(Buffer& out, const Detached& message);
void append(Buffer& out, const Pause& message);
void append(Buffer& out, const Backlog& message);
void append(Buffer& out, const Drain& message);
void append(Buffer& out, const Mark& message);

void append(Buffer& out, const HandshakeRequest& message);
void append(Buffer& out, const HandshakeResponse& message);
void append(Buffer& out, const Ping& message);
void append(Buffer& out, const OpenConnection& message);
void append(Buffer& out, const CloseConnection& message);
void append(Buffer& out, const ConnectionData& message);
void append(Buffer& out, const MultiConnectionData& message);
void append(Buffer& out, const UserData& message);
void append(Buffer& out, const MultiUserData& message);
void append(Buffer& out, const BroadcastData& message);
void append(Buffer& out, const JoinGroup& message);
void append(Buffer& out, const LeaveGroup& message);
void append(Buffer& out, const GroupBroadcastData& message);
void append(Buffer& out, const MultiGroupBroadcastData& message);
void append(Buffer& out, const ServiceError& message);
void append(Buffer& out, const UserJoinGroup& message);
void append(Buffer& out, const UserLeaveGroup& message);
void append(Buffer& out, const JoinGroupWithAck& message);
void append(Buffer& out, const LeaveGroupWithAck& message);
void append(Buffer& out, const RequestAck& message);
void append(Buffer& out, const CheckUserInGroupWithAck& message);
void append(Buffer& out, const ServiceEvent& message);
void append(Buffer& out, const CheckGroupExistenceWithAck& message);
void append(Buffer& out, const CheckConnectionExistenceWithAck& message);
void append(Buffer& out, const CheckUserExistenceWithAck& message);
void append(Buffer& out, const UserJoinGroupWithAck& message);
void append(Buffer& out, const UserLeaveGroupWithAck& message);
void append(Buffer& out, const AccessKeyRequest& message);
void append(Buffer& out, const AccessKeyResponse& message);
void append(Buffer& out, const CloseConnectionWithAck& message);
void append(Buffer& out, const CloseConnectionsWithAck& message);
void append(Buffer& out, const CloseUserConnectionsWithAck& message);
void append(Buffer& out, const CloseGroupConnectionsWithAck& message);
void append(Buffer& out, const ClientInvocation& message);
void append(Buffer& out, const ClientCompletion& message);
void append(Buffer& out, const ErrorCompletion& message);
void append(Buffer& out, const ServiceMapping& message);
void append(Buffer& out, const ConnectionReconnect& message);
void append(Buffer& out, const ConnectionFlowControl& message);

}  // namespace trunkline::protocol
