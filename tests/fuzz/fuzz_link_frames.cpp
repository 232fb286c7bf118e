// Any bytes are a stream of link frames, cut anywhere. Frame by frame: what is decoded is encoded again, and what that
// gives must decode to the same bytes once more; the type seen ahead of decoding is the type that was decoded; a
// handshake's hello and what its mac covers agree. The first two bytes choose the cuts and the frame limit.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "trunkline/protocol/limits.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"
#include "trunkline/protocol/service/framing.hpp"
#include "trunkline/protocol/service/handshake.hpp"

using namespace trunkline::protocol;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

struct Reencoder {
    Buffer out;
    std::uint32_t type = 0;

    template <class Message>
    void on(const Message& message) {
        type = Message::kType;
        append(out, message);
    }
    void on(const HandshakeRequest& message) {
        type = HandshakeRequest::kType;
        append(out, message);
        check_hello(message.hello);
    }
    void on(const HandshakeResponse& message) {
        type = HandshakeResponse::kType;
        append(out, message);
        check_hello(message.hello);
    }
    void on(const UnknownMessage& message) { type = message.type; }

    static void check_hello(const std::optional<Bytes>& received) {
        if (!received) return;
        const auto hello = decode_hello(*received);
        Buffer covered;
        const auto stripped = encode_hello_without_mac(covered, *received);
        if (!hello) return;
        require(stripped.has_value());
        Buffer again;
        encode_hello(again, hello.value());
        const auto back = decode_hello(again);
        require(back.has_value());
        auto expected = hello.value();
        if (expected.workers == 0) expected.worker = 0;  // not announced without `workers`
        require(back.value() == expected);
        const auto without = decode_hello(covered);
        require(without.has_value());
        require(without.value().mac.empty());
    }
};

Bytes body_of(Bytes frame) {
    const auto length = read_length(frame, kMaxFrameLength);
    require(length.has_value() && length.value().has_value() && length.value()->total() == frame.size());
    return frame.substr(length.value()->prefix);
}

void check_frame(Bytes frame_body) {
    // An exact copy: a read behind the frame is then a read behind the allocation.
    const std::unique_ptr<char[]> copy(new char[frame_body.size()]);
    frame_body.copy(copy.get(), frame_body.size());
    const Bytes body(copy.get(), frame_body.size());
    const auto type = peek_type(body);
    Reencoder first;
    const auto result = decode(body, first);
    if (!result) {
        require(first.out.empty());
        return;
    }
    require(type.has_value() && type.value() == first.type);
    if (first.out.empty()) return;  // a type that is skipped
    Reencoder second;
    require(decode(body_of(first.out), second).has_value());
    require(second.out == first.out);
}

/// Feeds `stream` in pieces of `step` bytes; returns where it stopped being readable, or its length.
std::size_t read_stream(Bytes stream, std::size_t step, std::size_t max_body, bool check) {
    std::size_t start = 0;
    for (std::size_t arrived = std::min(step, stream.size());; arrived = std::min(arrived + step, stream.size())) {
        while (true) {
            const Bytes rest = stream.substr(start, arrived - start);
            const auto length = read_length(rest, max_body);
            if (!length) return start;
            if (!length.value() || length.value()->total() > rest.size()) break;
            if (check) check_frame(rest.substr(length.value()->prefix, length.value()->body));
            start += length.value()->total();
        }
        if (arrived == stream.size()) return start;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t step = 1 + data[0];
    const std::size_t max_body = data[1] < 128 ? kDefaultMaxFrame : data[1];
    const Bytes stream(reinterpret_cast<const char*>(data) + 2, size - 2);
    const auto whole = read_stream(stream, stream.size() + 1, max_body, true);
    require(read_stream(stream, step, max_body, false) == whole);
    return 0;
}
