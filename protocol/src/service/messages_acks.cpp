#include "frame_writer.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

// The layouts of messages/acks.hpp: each type's writer, then its reader.

namespace trunkline::protocol {

void append(Buffer& out, const RequestAck& message) {
    FrameWriter frame(out, RequestAck::kType, 6);
    frame.integer(message.ack_id);
    frame.integer(static_cast<std::int32_t>(message.status));
    frame.optional_str(message.message);
    frame.map(0);
    frame.optional_bin(message.payload);
}

void decoding::read(Fields& fields, RequestAck& message) noexcept {
    message.ack_id = fields.integer<std::int32_t>();
    message.status = AckStatus{fields.integer<std::int32_t>()};
    message.message = fields.optional_str();
    fields.extension();
    message.payload = fields.optional_bin();
}

void append(Buffer& out, const CheckUserInGroupWithAck& message) {
    FrameWriter frame(out, CheckUserInGroupWithAck::kType, 5);
    frame.str(message.user_id);
    frame.str(message.group);
    frame.integer(message.ack_id);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, CheckUserInGroupWithAck& message) noexcept {
    message.user_id = fields.str();
    message.group = fields.str();
    message.ack_id = fields.integer<std::int32_t>();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const CheckGroupExistenceWithAck& message) {
    FrameWriter frame(out, CheckGroupExistenceWithAck::kType, 4);
    frame.str(message.group);
    frame.integer(message.ack_id);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, CheckGroupExistenceWithAck& message) noexcept {
    message.group = fields.str();
    message.ack_id = fields.integer<std::int32_t>();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const CheckConnectionExistenceWithAck& message) {
    FrameWriter frame(out, CheckConnectionExistenceWithAck::kType, 4);
    frame.str(message.connection_id);
    frame.integer(message.ack_id);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, CheckConnectionExistenceWithAck& message) noexcept {
    message.connection_id = fields.str();
    message.ack_id = fields.integer<std::int32_t>();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const CheckUserExistenceWithAck& message) {
    FrameWriter frame(out, CheckUserExistenceWithAck::kType, 4);
    frame.str(message.user_id);
    frame.integer(message.ack_id);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, CheckUserExistenceWithAck& message) noexcept {
    message.user_id = fields.str();
    message.ack_id = fields.integer<std::int32_t>();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const CloseConnectionWithAck& message) {
    FrameWriter frame(out, CloseConnectionWithAck::kType, 5);
    frame.str(message.connection_id);
    frame.optional_str(message.reason);
    frame.integer(message.ack_id);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, CloseConnectionWithAck& message) noexcept {
    message.connection_id = fields.str();
    message.reason = fields.optional_str();
    message.ack_id = fields.integer<std::int32_t>();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const CloseConnectionsWithAck& message) {
    FrameWriter frame(out, CloseConnectionsWithAck::kType, 5);
    frame.optional_str(message.reason);
    frame.integer(message.ack_id);
    frame.list(message.excluded_connection_ids);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, CloseConnectionsWithAck& message) noexcept {
    message.reason = fields.optional_str();
    message.ack_id = fields.integer<std::int32_t>();
    message.excluded_connection_ids = fields.string_list_or_empty();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const CloseUserConnectionsWithAck& message) {
    FrameWriter frame(out, CloseUserConnectionsWithAck::kType, 6);
    frame.str(message.user_id);
    frame.optional_str(message.reason);
    frame.integer(message.ack_id);
    frame.list(message.excluded_connection_ids);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, CloseUserConnectionsWithAck& message) noexcept {
    message.user_id = fields.str();
    message.reason = fields.optional_str();
    message.ack_id = fields.integer<std::int32_t>();
    message.excluded_connection_ids = fields.string_list_or_empty();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const CloseGroupConnectionsWithAck& message) {
    FrameWriter frame(out, CloseGroupConnectionsWithAck::kType, 6);
    frame.str(message.group);
    frame.optional_str(message.reason);
    frame.integer(message.ack_id);
    frame.list(message.excluded_connection_ids);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, CloseGroupConnectionsWithAck& message) noexcept {
    message.group = fields.str();
    message.reason = fields.optional_str();
    message.ack_id = fields.integer<std::int32_t>();
    message.excluded_connection_ids = fields.string_list_or_empty();
    message.tracing_id = fields.extension().tracing_id;
}

}  // namespace trunkline::protocol
