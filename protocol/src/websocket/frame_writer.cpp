#include "trunkline/protocol/websocket/frame_writer.hpp"

#include "trunkline/protocol/utf8.hpp"

namespace trunkline::protocol::websocket {
namespace {

void append_frame(Buffer& out, Opcode opcode, Bytes payload) {
    char header[kMaxServerHeader];
    out.append(header, write_header(header, opcode, payload.size()));
    out.append(payload);
}

}  // namespace

std::size_t write_header(char (&out)[kMaxServerHeader], Opcode opcode, std::size_t payload_size) noexcept {
    out[0] = static_cast<char>(kFinal | static_cast<unsigned>(opcode));
    if (payload_size <= 125) {
        out[1] = static_cast<char>(payload_size);
        return 2;
    }
    if (payload_size <= 0xffff) {
        out[1] = 126;
        out[2] = static_cast<char>(payload_size >> 8);
        out[3] = static_cast<char>(payload_size);
        return 4;
    }
    out[1] = 127;
    const std::uint64_t length = payload_size;
    for (unsigned i = 0; i < 8; ++i) out[2 + i] = static_cast<char>(length >> (56 - 8 * i));
    return 10;
}

void append_ping(Buffer& out, Bytes payload) { append_frame(out, Opcode::ping, payload.substr(0, kMaxControlPayload)); }

void append_close(Buffer& out, std::uint16_t code, Bytes reason) {
    if (!may_be_sent(code)) return append_frame(out, Opcode::close, {});
    const Bytes text = utf8_prefix(reason, kMaxCloseReason);
    char header[kMaxServerHeader];
    out.append(header, write_header(header, Opcode::close, 2 + text.size()));
    out.push_back(static_cast<char>(code >> 8));
    out.push_back(static_cast<char>(code));
    out.append(text);
}

}  // namespace trunkline::protocol::websocket
