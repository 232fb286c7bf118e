#include "trunkline/protocol/service/handshake.hpp"

#include <algorithm>

#include "frame_writer.hpp"
#include "trunkline/protocol/service/encode.hpp"
#include "trunkline/protocol/service/reader.hpp"

namespace trunkline::protocol {
namespace {

enum Key : std::uint8_t {
    kName = 1,
    kEpoch,
    kFeatures,
    kNonce,
    kSoftware,
    kMac,
    kAppWindow,
    kPoolSize,
    kUpstream,
    kWorker,
    kWorkers,
    kMaxFrame,
    kReplaces,
};

void write_hello(Buffer& out, const Hello& hello, Bytes mac) {
    Writer writer(out);
    const bool numbered = hello.workers != 0;
    writer.map(std::size_t{1} + !hello.name.empty() + !hello.features.empty() + !hello.nonce.empty() +
               !hello.software.empty() + !mac.empty() + (hello.app_window.count() > 0) + (hello.pool_size != 0) +
               !hello.upstream.empty() + 2 * numbered + (hello.max_frame != 0) + hello.replaces.has_value());
    const auto text = [&writer](Key key, Bytes value) {
        if (!value.empty()) writer.uint(key), writer.str(value);
    };
    const auto bytes = [&writer](Key key, Bytes value) {
        if (!value.empty()) writer.uint(key), writer.bin(value);
    };
    const auto number = [&writer](Key key, std::uint64_t value) {
        if (value != 0) writer.uint(key), writer.uint(value);
    };
    text(kName, hello.name);
    writer.uint(kEpoch), writer.uint(static_cast<std::uint64_t>(hello.epoch));
    if (!hello.features.empty()) {
        writer.uint(kFeatures), writer.array(hello.features.size());
        for (const auto& feature : hello.features) writer.str(feature);
    }
    bytes(kNonce, hello.nonce);
    text(kSoftware, hello.software);
    bytes(kMac, mac);
    number(kAppWindow, static_cast<std::uint64_t>(std::max<std::int64_t>(hello.app_window.count(), 0)));
    number(kPoolSize, hello.pool_size);
    text(kUpstream, hello.upstream);
    if (numbered) writer.uint(kWorker), writer.uint(hello.worker);
    number(kWorkers, hello.workers);
    number(kMaxFrame, hello.max_frame);
    if (hello.replaces) {
        writer.uint(kReplaces), writer.array(2);
        writer.bin(hello.replaces->pool.view()), writer.uint(hello.replaces->lane);
    }
}

std::optional<Hello::Replaced> read_replaced(Reader& in) {
    Hello::Replaced replaced;
    if (in.array() != 2 && in.ok()) in.fail(errc::missing_field);
    const Bytes pool = in.bin();
    replaced.lane = in.integer<std::uint32_t>();
    if (in.ok() && pool.size() != replaced.pool.bytes.size()) in.fail(errc::out_of_range);
    if (!in.ok()) return std::nullopt;
    pool.copy(replaced.pool.bytes.data(), pool.size());
    return replaced;
}

}  // namespace

void encode_hello(Buffer& out, const Hello& hello) { write_hello(out, hello, hello.mac); }

void encode_hello_without_mac(Buffer& out, const Hello& hello) { write_hello(out, hello, {}); }

Result<void> encode_hello_without_mac(Buffer& out, Bytes received) {
    Reader in(received);
    const std::uint32_t count = in.map();
    Buffer kept;
    std::uint32_t entries = 0;
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        Reader from_key = in;
        const auto key = in.int64();
        in.skip();
        if (!in.ok() || key == kMac) continue;
        kept.append(from_key.raw());
        kept.append(from_key.raw());
        ++entries;
    }
    if (!in.ok()) return in.error();
    Writer writer(out);
    writer.map(entries);
    writer.raw(kept);
    return success();
}

Result<Hello> decode_hello(Bytes received) {
    Reader in(received);
    Hello hello;
    bool has_epoch = false;
    const std::uint32_t count = in.map();
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        switch (in.int64()) {
            case kName: hello.name = in.str(); break;
            case kEpoch: hello.epoch = Epoch{in.uint64()}, has_epoch = true; break;
            case kFeatures:
                hello.features.clear();
                in.string_list().for_each([&hello](Bytes feature) { hello.features.emplace_back(feature); });
                break;
            case kNonce: hello.nonce = in.bin(); break;
            case kSoftware: hello.software = in.str(); break;
            case kMac: hello.mac = in.bin(); break;
            case kAppWindow: hello.app_window = std::chrono::milliseconds(in.integer<std::uint32_t>()); break;
            case kPoolSize: hello.pool_size = in.integer<std::uint32_t>(); break;
            case kUpstream: hello.upstream = in.str(); break;
            case kWorker: hello.worker = in.integer<std::uint32_t>(); break;
            case kWorkers: hello.workers = in.integer<std::uint32_t>(); break;
            case kMaxFrame: hello.max_frame = in.uint64(); break;
            case kReplaces: hello.replaces = read_replaced(in); break;
            default: in.skip(); break;
        }
    }
    if (!in.ok()) return in.error();
    if (!has_epoch) return errc::missing_field;
    return hello;
}

void append_handshake_request(Buffer& out, const Hello& hello) {
    Buffer encoded;
    encode_hello(encoded, hello);
    HandshakeRequest request;
    request.hello = encoded;
    append(out, request);
}

void append_handshake_response(Buffer& out, const Hello& hello) {
    Buffer encoded;
    encode_hello(encoded, hello);
    HandshakeResponse response;
    response.error = Bytes("");
    response.hello = encoded;
    append(out, response);
}

void append_handshake_refusal(Buffer& out, Bytes reason) {
    HandshakeResponse response;
    response.error = reason;
    append(out, response);
}

std::vector<std::string> spoken_features(const std::vector<std::string>& ours, const std::vector<std::string>& theirs) {
    std::vector<std::string> spoken;
    for (const auto& feature : ours) {
        if (std::find(theirs.begin(), theirs.end(), feature) != theirs.end()) spoken.push_back(feature);
    }
    return spoken;
}

}  // namespace trunkline::protocol
