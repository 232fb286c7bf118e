#include "proxy/verbs/encodings.hpp"

#include <algorithm>

#include "trunkline/protocol/websocket/frame_writer.hpp"

namespace trunkline::proxy {

using protocol::Bytes;
using protocol::PayloadKind;
namespace websocket = protocol::websocket;

namespace {

struct Payload {
    Bytes bytes;
    PayloadKind kind;
};

/// What is in the fan-out for clients of this protocol.
std::optional<Payload> choose(const protocol::PayloadMap& payloads, ClientProtocol protocol) {
    switch (protocol) {
        case ClientProtocol::raw:
            if (const auto text = payloads.find("text")) return Payload{*text, PayloadKind::text};
            if (const auto binary = payloads.find("binary")) return Payload{*binary, PayloadKind::binary};
            break;
    }
    return std::nullopt;
}

net::SharedBytes frame(const Payload& payload, Framing framing) {
    switch (framing) {
        case Framing::websocket: {
            const bool is_text = payload.kind == PayloadKind::text;
            char header[websocket::kMaxServerHeader];
            const std::size_t n = write_header(header, is_text ? websocket::Opcode::text : websocket::Opcode::binary,
                                               payload.bytes.size());
            return net::SharedBytes::build(n + payload.bytes.size(), [&](char* out) {
                std::copy(payload.bytes.begin(), payload.bytes.end(), std::copy_n(header, n, out));
            });
        }
    }
    return {};
}

}  // namespace

Encoded Encodings::encode(ClientProtocol protocol, Framing framing) const {
    const auto payload = choose(payloads_, protocol);
    if (!payload) return {};
    return {frame(*payload, framing), payload->bytes.size(), payload->kind};
}

}  // namespace trunkline::proxy
