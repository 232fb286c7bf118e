#include "frame_writer.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

// The layouts of messages/links.hpp: each type's writer, then its reader.

namespace trunkline::protocol {

void append(Buffer& out, const HandshakeRequest& message) {
    FrameWriter frame(out, HandshakeRequest::kType, 7);
    frame.integer(message.version);
    frame.integer(message.connection_type);
    frame.str(message.target);
    frame.integer(message.migration_level);
    write_extension(frame, {.hello = message.hello});
    frame.boolean(message.allow_stateful_reconnects);
}

void decoding::read(Fields& fields, HandshakeRequest& message) noexcept {
    message.version = fields.integer<std::int32_t>();
    message.connection_type = fields.integer_or<std::int32_t>(0);
    message.target = fields.optional_str().value_or(Bytes{});
    message.migration_level = fields.integer_or<std::int32_t>(0);
    message.hello = fields.extension().hello;
    message.allow_stateful_reconnects = fields.boolean_or(false);
}

void append(Buffer& out, const HandshakeResponse& message) {
    FrameWriter frame(out, HandshakeResponse::kType, 4);
    frame.optional_str(message.error);
    write_extension(frame, {.hello = message.hello});
    frame.optional_str(message.connection_id);
}

void decoding::read(Fields& fields, HandshakeResponse& message) noexcept {
    message.error = fields.optional_str();
    message.hello = fields.extension().hello;
    message.connection_id = fields.optional_str();
}

void append(Buffer& out, const Ping& message) {
    FrameWriter frame(out, Ping::kType, 1 + message.messages.size());
    message.messages.for_each([&frame](Bytes item) { frame.str(item); });
}

void decoding::read(Fields& fields, Ping& message) noexcept { message.messages = fields.rest(); }

void append(Buffer& out, const ServiceError& message) {
    FrameWriter frame(out, ServiceError::kType, 2);
    frame.optional_str(message.error);
}

void decoding::read(Fields& fields, ServiceError& message) noexcept { message.error = fields.optional_str(); }

void append(Buffer& out, const ServiceEvent& message) {
    FrameWriter frame(out, ServiceEvent::kType, 6);
    frame.integer(message.object_type);
    frame.optional_str(message.object_id);
    frame.integer(message.kind);
    frame.optional_str(message.message);
    frame.map(0);
}

void decoding::read(Fields& fields, ServiceEvent& message) noexcept {
    message.object_type = fields.integer<std::int32_t>();
    message.object_id = fields.optional_str();
    message.kind = fields.integer_or<std::int32_t>(0);
    message.message = fields.optional_str();
}

void append(Buffer& out, const AccessKeyRequest& message) {
    FrameWriter frame(out, AccessKeyRequest::kType, 4);
    frame.str(message.token);
    frame.optional_str(message.kid);
    frame.map(0);
}

void decoding::read(Fields& fields, AccessKeyRequest& message) noexcept {
    message.token = fields.str();
    message.kid = fields.optional_str();
}

void append(Buffer& out, const AccessKeyResponse& message) {
    FrameWriter frame(out, AccessKeyResponse::kType, 6);
    frame.optional_str(message.kid);
    frame.optional_str(message.access_key);
    frame.optional_str(message.error_type);
    frame.optional_str(message.error_message);
    frame.map(0);
}

void decoding::read(Fields& fields, AccessKeyResponse& message) noexcept {
    message.kid = fields.optional_str();
    message.access_key = fields.optional_str();
    message.error_type = fields.optional_str();
    message.error_message = fields.optional_str();
}

}  // namespace trunkline::protocol
