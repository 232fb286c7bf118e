#include "proxy/clients/transport/websocket_transport.hpp"

#include <array>

#include "trunkline/protocol/websocket/frame_writer.hpp"

namespace trunkline::proxy {

using net::IoResult;
using protocol::Bytes;
namespace websocket = protocol::websocket;

namespace {

void add_frame(Outbox& out, Outbox::Kind kind, websocket::Opcode opcode, Bytes payload) {
    char header[websocket::kMaxServerHeader];
    const std::size_t n = websocket::write_header(header, opcode, payload.size());
    out.append(kind, {header, n}, payload);
}

}  // namespace

void WebSocketTransport::add_message(Outbox& out, protocol::PayloadKind kind, Bytes payload) {
    const bool is_text = kind == protocol::PayloadKind::text;
    add_frame(out, Outbox::Kind::message, is_text ? websocket::Opcode::text : websocket::Opcode::binary, payload);
}

void WebSocketTransport::add_ping(Outbox& out) { add_frame(out, Outbox::Kind::control, websocket::Opcode::ping, {}); }

void WebSocketTransport::add_pong(Outbox& out, Bytes payload) {
    add_frame(out, Outbox::Kind::control, websocket::Opcode::pong, payload);
}

void WebSocketTransport::add_close(Outbox& out, std::uint16_t code, Bytes reason) {
    protocol::Buffer frame;
    websocket::append_close(frame, code, reason);
    out.append(Outbox::Kind::control, frame);
}

IoResult WebSocketTransport::write(Outbox& out) {
    IoResult last;
    std::array<Bytes, net::ByteStream::kMaxPieces> pieces;
    while (const std::size_t count = out.gather(pieces)) {
        last = stream_.write_some({pieces.data(), count});
        if (last.status != IoResult::Status::ok) break;
        out.written(last.bytes);
    }
    return last;
}

}  // namespace trunkline::proxy
