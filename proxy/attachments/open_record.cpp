#include "proxy/attachments/open_record.hpp"

#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"
#include "trunkline/protocol/service/framing.hpp"

namespace trunkline::proxy {

OpenRecord OpenRecord::of(protocol::Bytes frame, Gauge& bytes) {
    const auto length = protocol::read_length(frame, protocol::kMaxFrameLength);
    return {frame.substr(length.value()->prefix), bytes};
}

protocol::Open OpenRecord::open() const {
    return protocol::decode_only<protocol::Open>(body()).value();  // our own encoding
}

void OpenRecord::set_subprotocol(protocol::Bytes subprotocol) {
    auto changed = open();
    changed.subprotocol = subprotocol;
    protocol::Buffer frame;
    append(frame, changed);
    *this = of(frame, *head().gauge);
}

}  // namespace trunkline::proxy
