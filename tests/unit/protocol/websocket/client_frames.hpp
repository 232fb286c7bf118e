#pragma once

#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "trunkline/protocol/websocket/frame_reader.hpp"

/// What a client sends, built by hand so that it can also be wrong, and a sink that writes down what a reader delivers.
namespace trunkline::protocol::websocket::test {

/// Letters, the same for the same seed.
inline std::string bytes_of(std::size_t size, unsigned seed = 1) {
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>('a' + (seed = seed * 1103515245 + 12345) / 65536 % 26);
    return out;
}

struct FrameOptions {
    bool is_final = true;
    unsigned reserved = 0;  ///< RSV1-3 as they stand in the first byte
    bool is_masked = true;
    MaskKey mask{{'\x37', '\xfa', '\x21', '\x3d'}};
    int length_form = 0;  ///< 0: the shortest; else 7, 16 or 64 bits
};

inline void append_length(std::string& out, std::uint64_t length, const FrameOptions& options) {
    const unsigned masked = options.is_masked ? 0x80 : 0;
    int form = options.length_form;
    if (form == 0) form = length <= 125 ? 7 : length <= 0xffff ? 16 : 64;
    out += static_cast<char>(masked | (form == 7 ? static_cast<unsigned>(length) : form == 16 ? 126 : 127));
    if (form == 7) return;
    for (int shift = form - 8; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift);
}

/// A header that announces `length` bytes, mask included, without the payload.
inline std::string header(unsigned opcode, std::uint64_t length, const FrameOptions& options = {}) {
    std::string out(1, static_cast<char>((options.is_final ? 0x80 : 0) | options.reserved | opcode));
    append_length(out, length, options);
    if (options.is_masked) out.append(options.mask.bytes.data(), 4);
    return out;
}

inline std::string header(Opcode opcode, std::uint64_t length, const FrameOptions& options = {}) {
    return header(static_cast<unsigned>(opcode), length, options);
}

inline std::string masked(Bytes payload, const MaskKey& mask) {
    std::string out(payload);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(out[i] ^ mask.bytes[i % 4]);
    return out;
}

inline std::string frame(Opcode opcode, Bytes payload, const FrameOptions& options = {}) {
    return header(opcode, payload.size(), options) +
           (options.is_masked ? masked(payload, options.mask) : std::string(payload));
}

inline std::string close_payload(unsigned code, Bytes reason) {
    std::string out{static_cast<char>(code >> 8), static_cast<char>(code)};
    return out.append(reason);
}

struct Delivered {
    std::string what;  ///< "text", "binary", "ping", "pong", "close"
    std::string bytes;
    std::uint16_t code = 0;

    bool operator==(const Delivered&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const Delivered& it) {
        return out << it.what << '(' << it.code << ", " << it.bytes.size() << " bytes: " << it.bytes.substr(0, 40)
                   << ')';
    }
};

struct Recorder {
    std::vector<Delivered> delivered;
    std::size_t stop_after = SIZE_MAX;  ///< stopped once so many were delivered
    std::vector<const char*> places;    ///< where the bytes of each lay

    void on_message(PayloadKind kind, Bytes bytes) { add(kind == PayloadKind::text ? "text" : "binary", bytes); }
    void on_ping(Bytes bytes) { add("ping", bytes); }
    void on_pong(Bytes bytes) { add("pong", bytes); }
    void on_close(std::uint16_t code, Bytes reason) { add("close", reason, code); }
    bool stopped() const { return delivered.size() >= stop_after; }

    void add(const char* what, Bytes bytes, std::uint16_t code = 0) {
        delivered.push_back({what, std::string(bytes), code});
        places.push_back(bytes.data());
    }
};

struct Outcome {
    std::vector<Delivered> delivered;
    ReadFailure failure = ReadFailure::none;
    bool has_partial = false;

    bool operator==(const Outcome&) const = default;
};

/// Feeds `wire` in pieces that end at `cuts` (ascending), each in a block of its own so that a sanitizer sees every
/// step outside it, to one reader; stops at the first failure.
inline Outcome read_in_pieces(Bytes wire, const std::vector<std::size_t>& cuts, const ReadLimits& limits = {}) {
    FrameReader reader;
    Recorder sink;
    Outcome outcome;
    std::size_t at = 0;
    const auto piece = [&](std::size_t end) {
        std::vector<char> chunk(wire.begin() + static_cast<std::ptrdiff_t>(at),
                                wire.begin() + static_cast<std::ptrdiff_t>(end));
        const auto result = reader.feed(chunk, limits, sink);
        if (outcome.failure == ReadFailure::none) outcome.failure = result.failure;
        std::fill(chunk.begin(), chunk.end(), '\xdd');
        at = end;
    };
    for (const auto cut : cuts) piece(cut);
    piece(wire.size());
    outcome.delivered = sink.delivered;
    outcome.has_partial = reader.has_partial();
    return outcome;
}

inline Outcome read_whole(Bytes wire, const ReadLimits& limits = {}) { return read_in_pieces(wire, {}, limits); }

inline Outcome read_bytewise(Bytes wire, const ReadLimits& limits = {}) {
    std::vector<std::size_t> cuts;
    for (std::size_t i = 1; i < wire.size(); ++i) cuts.push_back(i);
    return read_in_pieces(wire, cuts, limits);
}

}  // namespace trunkline::protocol::websocket::test
