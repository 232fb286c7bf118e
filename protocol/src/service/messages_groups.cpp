#include "frame_writer.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

// The layouts of messages/groups.hpp: each type's writer, then its reader.

namespace trunkline::protocol {

void append(Buffer& out, const JoinGroup& message) {
    FrameWriter frame(out, JoinGroup::kType, 4);
    frame.str(message.connection_id);
    frame.str(message.group);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, JoinGroup& message) noexcept {
    message.connection_id = fields.str();
    message.group = fields.str();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const LeaveGroup& message) {
    FrameWriter frame(out, LeaveGroup::kType, 4);
    frame.str(message.connection_id);
    frame.optional_str(message.group);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, LeaveGroup& message) noexcept {
    message.connection_id = fields.str();
    message.group = fields.optional_str();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const UserJoinGroup& message) {
    FrameWriter frame(out, UserJoinGroup::kType, 4);
    frame.str(message.user_id);
    frame.str(message.group);
    write_extension(frame, {.tracing_id = message.tracing_id, .ttl_seconds = message.ttl_seconds});
}

void decoding::read(Fields& fields, UserJoinGroup& message) noexcept {
    message.user_id = fields.str();
    message.group = fields.str();
    const auto extension = fields.extension();
    message.tracing_id = extension.tracing_id;
    message.ttl_seconds = extension.ttl_seconds;
}

void append(Buffer& out, const UserLeaveGroup& message) {
    FrameWriter frame(out, UserLeaveGroup::kType, 4);
    frame.str(message.user_id);
    frame.optional_str(message.group);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, UserLeaveGroup& message) noexcept {
    message.user_id = fields.str();
    message.group = fields.optional_str();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const JoinGroupWithAck& message) {
    FrameWriter frame(out, JoinGroupWithAck::kType, 5);
    frame.str(message.connection_id);
    frame.str(message.group);
    frame.integer(message.ack_id);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, JoinGroupWithAck& message) noexcept {
    message.connection_id = fields.str();
    message.group = fields.str();
    message.ack_id = fields.integer<std::int32_t>();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const LeaveGroupWithAck& message) {
    FrameWriter frame(out, LeaveGroupWithAck::kType, 5);
    frame.str(message.connection_id);
    frame.optional_str(message.group);
    frame.integer(message.ack_id);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, LeaveGroupWithAck& message) noexcept {
    message.connection_id = fields.str();
    message.group = fields.optional_str();
    message.ack_id = fields.integer<std::int32_t>();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const UserJoinGroupWithAck& message) {
    FrameWriter frame(out, UserJoinGroupWithAck::kType, 5);
    frame.str(message.user_id);
    frame.str(message.group);
    frame.integer(message.ack_id);
    write_extension(frame, {.tracing_id = message.tracing_id, .ttl_seconds = message.ttl_seconds});
}

void decoding::read(Fields& fields, UserJoinGroupWithAck& message) noexcept {
    message.user_id = fields.str();
    message.group = fields.str();
    message.ack_id = fields.integer<std::int32_t>();
    const auto extension = fields.extension();
    message.tracing_id = extension.tracing_id;
    message.ttl_seconds = extension.ttl_seconds;
}

void append(Buffer& out, const UserLeaveGroupWithAck& message) {
    FrameWriter frame(out, UserLeaveGroupWithAck::kType, 5);
    frame.str(message.user_id);
    frame.optional_str(message.group);
    frame.integer(message.ack_id);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, UserLeaveGroupWithAck& message) noexcept {
    message.user_id = fields.str();
    message.group = fields.optional_str();
    message.ack_id = fields.integer<std::int32_t>();
    message.tracing_id = fields.extension().tracing_id;
}

}  // namespace trunkline::protocol
