// Any bytes, cut anywhere, must come out of a FrameReader as they do when they are fed whole, and its memory must
// follow what has arrived. The first bytes of the input choose the limits and the cuts.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "trunkline/protocol/websocket/frame_reader.hpp"
#include "trunkline/protocol/websocket/frame_writer.hpp"

using namespace trunkline::protocol;
using namespace trunkline::protocol::websocket;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

struct Transcript {
    std::string delivered;
    std::size_t max_message = 0;
    unsigned stop_every = 0;
    unsigned count = 0;
    bool stop = false;

    void on_message(PayloadKind kind, Bytes bytes) {
        require(bytes.size() <= max_message);
        if (kind == PayloadKind::text) require(is_valid_utf8(bytes));
        append(kind == PayloadKind::text ? Opcode::text : Opcode::binary, bytes);
        note();
    }
    void on_ping(Bytes bytes) {
        require(bytes.size() <= kMaxControlPayload);
        append(Opcode::ping, bytes);
        note();
    }
    void on_pong(Bytes bytes) {
        require(bytes.size() <= kMaxControlPayload);
        append(Opcode::pong, bytes);
        note();
    }
    void on_close(std::uint16_t code, Bytes reason) {
        require(code == 1005 || may_be_sent(code));
        require(reason.size() <= kMaxCloseReason && is_valid_utf8(reason));
        append_close(delivered, code, reason);
    }
    void append(Opcode opcode, Bytes bytes) {
        char header[kMaxServerHeader];
        delivered.append(header, write_header(header, opcode, bytes.size())).append(bytes);
    }
    void note() { stop = stop_every != 0 && ++count % stop_every == 0; }
    bool stopped() const { return stop; }
};

struct Outcome {
    std::string delivered;
    ReadFailure failure = ReadFailure::none;
    bool has_partial = false;

    bool operator==(const Outcome&) const = default;
};

Outcome read(Bytes wire, const std::vector<std::uint8_t>& pieces, unsigned stop_every, const ReadLimits& limits) {
    FrameReader reader;
    Transcript sink;
    sink.max_message = limits.max_message_bytes;
    sink.stop_every = stop_every;
    Outcome outcome;
    std::size_t arrived = 0;
    for (std::size_t i = 0; arrived < wire.size() && !reader.has_ended(); ++i) {
        std::size_t size = wire.size() - arrived;
        if (!pieces.empty()) size = std::min<std::size_t>(size, pieces[i % pieces.size()]);
        std::vector<char> chunk(wire.data() + arrived, wire.data() + arrived + size);
        arrived += size;
        for (std::size_t done = 0;;) {
            std::vector<char> rest(chunk.begin() + static_cast<std::ptrdiff_t>(done), chunk.end());
            const ReadResult result = reader.feed(rest, limits, sink);
            done += result.consumed;
            outcome.failure = result.failure;
            require(done == chunk.size() || sink.stop);
            require(!result.has_failed() || reader.has_ended());
            require(reader.spilled_bytes() <= 128 + 2 * arrived);
            require(reader.spilled_bytes() <= 128 + limits.max_message_bytes + kMaxControlPayload);
            require(reader.has_partial() == (reader.spilled_bytes() > 0));
            sink.stop = false;
            if (done == chunk.size()) break;
        }
    }
    outcome.delivered = sink.delivered;
    outcome.has_partial = reader.has_partial();
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 6) return 0;
    ReadLimits limits;
    limits.max_message_bytes = std::size_t{data[0]} * 8;
    limits.max_fragments = 1 + data[1] % 8u;
    std::vector<std::uint8_t> pieces(data + 3, data + 6);
    if (pieces == std::vector<std::uint8_t>{0, 0, 0}) pieces[0] = 1;
    const Bytes wire(reinterpret_cast<const char*>(data) + 6, size - 6);

    const Outcome whole = read(wire, {}, 0, limits);
    require(read(wire, pieces, 0, limits) == whole);
    require(read(wire, {}, 1 + data[2] % 4u, limits) == whole);
    require(read(wire, pieces, 1 + data[2] % 4u, limits) == whole);
    return 0;
}
