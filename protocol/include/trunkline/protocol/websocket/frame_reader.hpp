#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/utf8.hpp"
#include "trunkline/protocol/websocket/frame.hpp"
#include "trunkline/protocol/websocket/mask.hpp"

namespace trunkline::protocol::websocket {

/// What a client may send. Read anew by each `feed`, so that a reload takes effect with the next frame.
struct ReadLimits {
    std::size_t max_message_bytes = 64 << 10;  ///< the payloads of all frames of one message together
    std::uint32_t max_fragments = 1024;        ///< frames of one message; empty ones count
};

/// Why a client's bytes were refused. Each is one close code (`close_code`) and one sentence (`describe`).
enum class ReadFailure : std::uint8_t {
    none,
    reserved_bits,            ///< RSV1-3 without an extension that gives them a meaning
    unknown_opcode,           ///< 3-7 or 11-15
    fragmented_control,       ///< a close, ping or pong that is not final
    unexpected_continuation,  ///< a continuation with nothing to continue
    unfinished_message,       ///< a new message inside a fragmented one
    too_many_fragments,       ///< more frames than ReadLimits::max_fragments
    unmasked,                 ///< a client's frame without a mask
    long_control,             ///< a control frame of more than 125 bytes
    long_length_form,         ///< a length that is not in its shortest form
    length_high_bit,          ///< a 64-bit length with the highest bit set
    message_too_big,          ///< more than ReadLimits::max_message_bytes
    invalid_utf8,             ///< a text message that is not UTF-8
    bad_close_payload,        ///< one byte, or a code that may not be sent
    invalid_close_reason,     ///< a close reason that is not UTF-8
};

/// The code that the close frame for this failure carries; `normal` for `none`.
[[nodiscard]] CloseCode close_code(ReadFailure failure) noexcept;

/// A sentence fit for logs, metrics and close reasons; it never quotes the client.
[[nodiscard]] Bytes describe(ReadFailure failure) noexcept;

struct ReadResult {
    std::size_t consumed = 0;  ///< bytes of the chunk that are done with; less than all only after the sink stopped
    ReadFailure failure =
        ReadFailure::none;  ///< if any: what came before it was delivered, what comes after is ignored

    bool has_failed() const noexcept { return failure != ReadFailure::none; }
};

/// What a FrameReader delivers to. The views live until the call returns. `on_close` is the last call ever: the code
/// is 1005 if the frame had none, else one that may be sent. After each other call the reader asks `stopped()`, and if
/// so leaves the rest of the chunk to its caller. The calls must not touch the reader.
template <class T>
concept FrameSink = requires(T& sink, const T& observed, PayloadKind kind, Bytes bytes, std::uint16_t code) {
    sink.on_message(kind, bytes);
    sink.on_ping(bytes);
    sink.on_pong(bytes);
    sink.on_close(code, bytes);
    { observed.stopped() } -> std::convertible_to<bool>;
};

/// Reads what a client sends after the upgrade, cut anywhere, into whole messages and control frames (RFC 6455 §5).
///
/// It has no buffer. Payloads are unmasked and checked in the caller's chunk, and a message that lies in one chunk is
/// delivered as a view of it, its fragments moved together there if it has several. Only what a chunk leaves unfinished
/// goes to the heap, as one block that grows with what has arrived and never with what was announced, and is freed with
/// the delivery. Text is checked as it arrives: the first bad byte fails, not the end of the message.
///
/// After a failure or a close frame it ignores all further bytes. Owned by a transport, used on its worker's thread.
class FrameReader {
  public:
    /// Takes the next bytes of the connection; the chunk is scratch afterwards, up to `consumed`.
    template <FrameSink Sink>
    ReadResult feed(std::span<char> chunk, const ReadLimits& limits, Sink& sink);

    /// Whether a frame or message has begun and is not complete: the caller runs a deadline while so.
    [[nodiscard]] bool has_partial() const noexcept { return block_ != nullptr; }

    /// Whether a close frame or a failure was seen.
    [[nodiscard]] bool has_ended() const noexcept { return ended_; }

    /// Heap bytes held for what is partial: at most twice what has arrived of it, plus a header (for tests).
    [[nodiscard]] std::size_t spilled_bytes() const noexcept { return block_ ? sizeof(Block) + block_->capacity : 0; }

  private:
    // All that is known of a frame and a message that are not complete. A message's bytes so far, then those of a
    // control frame inside it, stand in the block behind this, or in the chunk at Feed::gathered.
    struct Progress {
        std::uint64_t to_come = 0;     // payload bytes of the current frame that have not arrived
        std::size_t message_size = 0;  // bytes gathered of the message
        std::uint32_t fragments = 0;   // its frames, the current one included
        MaskKey mask;                  // as it stands at the next payload byte
        Utf8Validator utf8;            // of the message, if text
        Opcode opcode = Opcode::continuation;
        PayloadKind kind = PayloadKind::text;
        bool is_final = false;
        bool in_frame = false;          // the header was read; opcode, is_final, to_come, mask are the frame's
        bool in_message = false;        // kind, fragments, utf8, message_size are the message's
        std::uint8_t control_size = 0;  // bytes gathered of a control frame
        std::uint8_t header_size = 0;   // bytes of a header that is not complete
        unsigned char header[kMaxClientHeader] = {};

        bool is_idle() const noexcept { return !in_frame && !in_message && header_size == 0; }
    };

    struct Block {  // one allocation: this, then `capacity` bytes
        Progress progress;
        std::size_t capacity;

        char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
    };

    struct FreeBlock {
        void operator()(Block* block) const noexcept { std::free(block); }
    };

    struct Feed {  // one call of feed()
        char* at;
        char* end;
        char* gathered = nullptr;  // a fragmented message inside the chunk, while there is no block
        Progress progress;
    };

    enum class What : std::uint8_t { nothing, failure, message, ping, pong, close };

    struct Event {
        What what = What::nothing;
        ReadFailure failure = ReadFailure::none;
        PayloadKind kind = PayloadKind::text;
        std::uint16_t code = 0;
        Bytes bytes;
    };

    struct Header {
        std::uint64_t length = 0;
        MaskKey mask;
        Opcode opcode = Opcode::continuation;
        bool is_final = false;
        std::uint8_t size = 0;  // 0 while incomplete
        ReadFailure failure = ReadFailure::none;
    };

    static Header parse_header(const unsigned char* bytes, std::size_t size, const Progress& now,
                               const ReadLimits& limits) noexcept;
    static ReadFailure begin_frame(Feed& feed, const ReadLimits& limits) noexcept;
    static Event close_event(Bytes payload) noexcept;

    Feed begin(std::span<char> chunk) const noexcept;
    Event next(Feed& feed, const ReadLimits& limits);
    Event take_control(Feed& feed, char* part, std::size_t size);
    void reserve(Feed& feed, std::size_t needed, std::size_t bound);
    void suspend(Feed& feed);
    void end() noexcept;

    std::unique_ptr<Block, FreeBlock> block_;  // null while nothing is pending
    bool ended_ = false;
};

static_assert(sizeof(FrameReader) <= 16, "an idle client pays for every byte");

template <FrameSink Sink>
ReadResult FrameReader::feed(std::span<char> chunk, const ReadLimits& limits, Sink& sink) {
    if (ended_ || chunk.empty()) return {chunk.size(), ReadFailure::none};
    Feed feed = begin(chunk);
    for (;;) {
        const Event event = next(feed, limits);
        switch (event.what) {
            case What::nothing: suspend(feed); return {chunk.size(), ReadFailure::none};
            case What::failure: end(); return {chunk.size(), event.failure};
            case What::message: sink.on_message(event.kind, event.bytes); break;
            case What::ping: sink.on_ping(event.bytes); break;
            case What::pong: sink.on_pong(event.bytes); break;
            case What::close:
                sink.on_close(event.code, event.bytes);
                end();
                return {chunk.size(), ReadFailure::none};
        }
        if (sink.stopped()) {
            suspend(feed);
            return {static_cast<std::size_t>(feed.at - chunk.data()), ReadFailure::none};
        }
    }
}

}  // namespace trunkline::protocol::websocket
