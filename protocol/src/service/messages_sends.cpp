#include "frame_writer.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

// The layouts of messages/sends.hpp: each type's writer, then its reader.

namespace trunkline::protocol {

void append(Buffer& out, const MultiConnectionData& message) {
    FrameWriter frame(out, MultiConnectionData::kType, 4);
    frame.list(message.connection_ids);
    frame.blobs(message.payloads);
    write_extension(frame, {.tracing_id = message.tracing_id, .filter = message.filter});
}

void decoding::read(Fields& fields, MultiConnectionData& message) noexcept {
    message.connection_ids = fields.string_list();
    message.payloads = fields.payload_map();
    const auto extension = fields.extension();
    message.tracing_id = extension.tracing_id;
    message.filter = extension.filter;
}

void append(Buffer& out, const UserData& message) {
    FrameWriter frame(out, UserData::kType, 4);
    frame.str(message.user_id);
    frame.blobs(message.payloads);
    write_extension(frame, {.tracing_id = message.tracing_id, .filter = message.filter});
}

void decoding::read(Fields& fields, UserData& message) noexcept {
    message.user_id = fields.str();
    message.payloads = fields.payload_map();
    const auto extension = fields.extension();
    message.tracing_id = extension.tracing_id;
    message.filter = extension.filter;
}

void append(Buffer& out, const MultiUserData& message) {
    FrameWriter frame(out, MultiUserData::kType, 4);
    frame.list(message.user_ids);
    frame.blobs(message.payloads);
    write_extension(frame, {.tracing_id = message.tracing_id, .filter = message.filter});
}

void decoding::read(Fields& fields, MultiUserData& message) noexcept {
    message.user_ids = fields.string_list();
    message.payloads = fields.payload_map();
    const auto extension = fields.extension();
    message.tracing_id = extension.tracing_id;
    message.filter = extension.filter;
}

void append(Buffer& out, const BroadcastData& message) {
    FrameWriter frame(out, BroadcastData::kType, 4);
    frame.list(message.excluded_connection_ids);
    frame.blobs(message.payloads);
    write_extension(frame, {.tracing_id = message.tracing_id, .filter = message.filter});
}

void decoding::read(Fields& fields, BroadcastData& message) noexcept {
    message.excluded_connection_ids = fields.string_list();
    message.payloads = fields.payload_map();
    const auto extension = fields.extension();
    message.tracing_id = extension.tracing_id;
    message.filter = extension.filter;
}

void append(Buffer& out, const GroupBroadcastData& message) {
    FrameWriter frame(out, GroupBroadcastData::kType, 7);
    frame.str(message.group);
    frame.list(message.excluded_connection_ids);
    frame.blobs(message.payloads);
    write_extension(frame, {.tracing_id = message.tracing_id, .filter = message.filter});
    frame.list(message.excluded_user_ids);
    frame.optional_str(message.caller_user_id);
}

void decoding::read(Fields& fields, GroupBroadcastData& message) noexcept {
    message.group = fields.str();
    message.excluded_connection_ids = fields.string_list();
    message.payloads = fields.payload_map();
    const auto extension = fields.extension();
    message.tracing_id = extension.tracing_id;
    message.filter = extension.filter;
    message.excluded_user_ids = fields.string_list_or_empty();
    message.caller_user_id = fields.optional_str();
}

void append(Buffer& out, const MultiGroupBroadcastData& message) {
    FrameWriter frame(out, MultiGroupBroadcastData::kType, 4);
    frame.list(message.groups);
    frame.blobs(message.payloads);
    write_extension(frame, {.tracing_id = message.tracing_id, .filter = message.filter});
}

void decoding::read(Fields& fields, MultiGroupBroadcastData& message) noexcept {
    message.groups = fields.string_list();
    message.payloads = fields.payload_map();
    const auto extension = fields.extension();
    message.tracing_id = extension.tracing_id;
    message.filter = extension.filter;
}

}  // namespace trunkline::protocol
