#include "frame_writer.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::protocol {
namespace {

template <class Enum>
std::uint64_t number(Enum value) {
    return static_cast<std::uint64_t>(value);
}

/// The map that ends an Open: what is empty is left out.
void write_meta(FrameWriter& frame, const Open& message) {
    const std::size_t count = std::size_t{!message.groups.empty()} + !message.client_protocol.empty() +
                              !message.peer_address.empty() + !message.path.empty() + message.ask +
                              message.user.has_value() + !message.subprotocol.empty() +
                              !message.path_parameters.empty() + !message.host.empty();
    const auto text = [&frame](std::uint64_t key, Bytes value) {
        if (value.empty()) return;
        frame.uint(key);
        frame.str(value);
    };
    frame.map(count);
    if (!message.groups.empty()) frame.uint(1), frame.list(message.groups);
    text(2, message.client_protocol);
    text(3, message.peer_address);
    text(4, message.path);
    if (message.ask) frame.uint(5), frame.boolean(true);
    if (message.user) frame.uint(6), frame.str(*message.user);
    text(7, message.subprotocol);
    if (!message.path_parameters.empty()) frame.uint(8), frame.blobs(message.path_parameters);
    text(9, message.host);
}

}  // namespace

void append(Buffer& out, const Attach& message) {
    FrameWriter frame(out, Attach::kType, 7);
    frame.bin(message.pool.view());
    frame.uint(message.lane);
    frame.uint(message.lanes);
    frame.uint(message.attempt);
    frame.uint(message.received);
    frame.uint(message.limit);
}

void append(Buffer& out, const Attached& message) {
    FrameWriter frame(out, Attached::kType, 5);
    frame.uint(number(message.status));
    frame.uint(message.received);
    frame.uint(message.limit);
    frame.bin(message.mac);
}

void append(Buffer& out, const Ack& message) {
    FrameWriter frame(out, Ack::kType, 4);
    frame.uint(message.handled);
    frame.uint(message.limit);
    frame.uint(message.stamp);
}

void append(Buffer& out, const Bye& message) {
    FrameWriter frame(out, Bye::kType, 3);
    frame.uint(number(message.code));
    frame.str(message.text);
}

void append(Buffer& out, const Open& message) {
    FrameWriter frame(out, Open::kType, 10);
    frame.uint(number(message.chan));
    frame.uint(message.attachment);
    frame.uint(number(message.why));
    frame.uint(message.key);
    frame.str(message.connection_id);
    frame.blobs(message.claims);
    frame.headers(message.headers);
    frame.str(message.query);
    write_meta(frame, message);
}

void append(Buffer& out, const Accept& message) {
    FrameWriter frame(out, Accept::kType, 3);
    frame.uint(number(message.chan));
    frame.map(std::size_t{message.user.has_value()} + !message.groups.empty() + message.subprotocol.has_value());
    if (message.user) frame.uint(1), frame.str(*message.user);
    if (!message.groups.empty()) frame.uint(2), frame.list(message.groups);
    if (message.subprotocol) frame.uint(3), frame.str(*message.subprotocol);
}

void append(Buffer& out, const Close& message) {
    FrameWriter frame(out, Close::kType, 5);
    frame.uint(number(message.chan));
    frame.uint(message.code);
    frame.str(message.reason);
    frame.uint(number(message.by));
}

void append(Buffer& out, const Detach& message) {
    FrameWriter frame(out, Detach::kType, 2);
    frame.uint(number(message.chan));
}

void append(Buffer& out, const Detached& message) {
    FrameWriter frame(out, Detached::kType, 2);
    frame.uint(number(message.chan));
}

void append(Buffer& out, const Pause& message) {
    FrameWriter frame(out, Pause::kType, 3);
    frame.uint(number(message.chan));
    frame.boolean(message.on);
}

void append(Buffer& out, const Backlog& message) {
    FrameWriter frame(out, Backlog::kType, 3);
    frame.uint(number(message.chan));
    frame.boolean(message.on);
}

void append(Buffer& out, const Drain& message) {
    FrameWriter frame(out, Drain::kType, 2);
    frame.uint(message.mode);
}

void append(Buffer& out, const Mark& message) {
    FrameWriter frame(out, Mark::kType, 3);
    frame.uint(message.version);
    frame.uint(message.lanes);
}

}  // namespace trunkline::protocol
