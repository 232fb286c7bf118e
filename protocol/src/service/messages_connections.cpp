#include "frame_writer.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

// The layouts of messages/connections.hpp and invocations.hpp: each type's writer, then its reader.

namespace trunkline::protocol {

void append(Buffer& out, const OpenConnection& message) {
    FrameWriter frame(out, OpenConnection::kType, 6);
    frame.str(message.connection_id);
    frame.blobs(message.claims);
    frame.headers(message.headers);
    frame.optional_str(message.query);
    write_extension(frame, {.tracing_id = message.tracing_id, .protocol = message.protocol});
}

void decoding::read(Fields& fields, OpenConnection& message) noexcept {
    message.connection_id = fields.str();
    message.claims = fields.string_map();
    message.headers = fields.header_map();
    message.query = fields.optional_str();
    const auto extension = fields.extension();
    message.tracing_id = extension.tracing_id;
    message.protocol = extension.protocol;
}

void append(Buffer& out, const CloseConnection& message) {
    FrameWriter frame(out, CloseConnection::kType, 5);
    frame.str(message.connection_id);
    frame.optional_str(message.error);
    frame.headers(message.headers);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, CloseConnection& message) noexcept {
    message.connection_id = fields.str();
    message.error = fields.optional_str();
    message.headers = fields.header_map_or_empty();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const ConnectionData& message) {
    FrameWriter frame(out, ConnectionData::kType, 4);
    frame.str(message.connection_id);
    frame.bin(message.payload);
    ExtensionFields extension{.tracing_id = message.tracing_id, .is_partial = message.is_partial};
    if (message.data_type) extension.data_type = static_cast<std::int32_t>(*message.data_type);
    write_extension(frame, extension);
}

void decoding::read(Fields& fields, ConnectionData& message) noexcept {
    message.connection_id = fields.str();
    message.payload = fields.bin();
    const auto extension = fields.extension();
    message.tracing_id = extension.tracing_id;
    if (extension.data_type) message.data_type = DataMessageType{*extension.data_type};
    message.is_partial = extension.is_partial;
}

void append(Buffer& out, const ConnectionReconnect& message) {
    FrameWriter frame(out, ConnectionReconnect::kType, 3);
    frame.str(message.connection_id);
    frame.map(0);
}

void decoding::read(Fields& fields, ConnectionReconnect& message) noexcept { message.connection_id = fields.str(); }

void append(Buffer& out, const ConnectionFlowControl& message) {
    FrameWriter frame(out, ConnectionFlowControl::kType, 5);
    frame.str(message.connection_id);
    frame.int32(message.connection_type);
    frame.int32(message.operation);
    frame.map(0);
}

void decoding::read(Fields& fields, ConnectionFlowControl& message) noexcept {
    message.connection_id = fields.str();
    message.connection_type = fields.integer<std::int32_t>();
    message.operation = fields.integer<std::int32_t>();
}

void append(Buffer& out, const ClientInvocation& message) {
    FrameWriter frame(out, ClientInvocation::kType, 6);
    frame.str(message.invocation_id);
    frame.str(message.connection_id);
    frame.optional_str(message.caller_server_id);
    frame.blobs(message.payloads);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, ClientInvocation& message) noexcept {
    message.invocation_id = fields.str();
    message.connection_id = fields.str();
    message.caller_server_id = fields.optional_str();
    message.payloads = fields.payload_map();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const ClientCompletion& message) {
    FrameWriter frame(out, ClientCompletion::kType, 7);
    frame.str(message.invocation_id);
    frame.str(message.connection_id);
    frame.optional_str(message.caller_server_id);
    frame.optional_str(message.protocol);
    frame.bin(message.payload);
    write_extension(frame, {.tracing_id = message.tracing_id, .protocol = message.ext_protocol});
}

void decoding::read(Fields& fields, ClientCompletion& message) noexcept {
    message.invocation_id = fields.str();
    message.connection_id = fields.str();
    message.caller_server_id = fields.optional_str();
    message.protocol = fields.optional_str();
    message.payload = fields.bin();
    const auto extension = fields.extension();
    message.tracing_id = extension.tracing_id;
    message.ext_protocol = extension.protocol;
}

void append(Buffer& out, const ErrorCompletion& message) {
    FrameWriter frame(out, ErrorCompletion::kType, 6);
    frame.str(message.invocation_id);
    frame.str(message.connection_id);
    frame.optional_str(message.caller_server_id);
    frame.optional_str(message.error);
    write_extension(frame, {.tracing_id = message.tracing_id});
}

void decoding::read(Fields& fields, ErrorCompletion& message) noexcept {
    message.invocation_id = fields.str();
    message.connection_id = fields.str();
    message.caller_server_id = fields.optional_str();
    message.error = fields.optional_str();
    message.tracing_id = fields.extension().tracing_id;
}

void append(Buffer& out, const ServiceMapping& message) {
    FrameWriter frame(out, ServiceMapping::kType, 5);
    frame.str(message.invocation_id);
    frame.str(message.connection_id);
    frame.optional_str(message.instance_id);
    frame.map(0);
}

void decoding::read(Fields& fields, ServiceMapping& message) noexcept {
    message.invocation_id = fields.str();
    message.connection_id = fields.str();
    message.instance_id = fields.optional_str();
}

}  // namespace trunkline::protocol
