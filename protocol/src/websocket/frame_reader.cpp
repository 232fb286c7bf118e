#include "trunkline/protocol/websocket/frame_reader.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <type_traits>

namespace trunkline::protocol::websocket {
namespace {

constexpr unsigned kReserved = 0x70;
constexpr unsigned kMasked = 0x80;

std::uint64_t big_endian(const unsigned char* bytes, std::size_t size) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes[i];
    return value;
}

}  // namespace

CloseCode close_code(ReadFailure failure) noexcept {
    switch (failure) {
        case ReadFailure::none: return CloseCode::normal;
        case ReadFailure::too_many_fragments: return CloseCode::policy_violation;
        case ReadFailure::message_too_big: return CloseCode::message_too_big;
        case ReadFailure::invalid_utf8:
        case ReadFailure::invalid_close_reason: return CloseCode::invalid_payload;
        case ReadFailure::reserved_bits:
        case ReadFailure::unknown_opcode:
        case ReadFailure::fragmented_control:
        case ReadFailure::unexpected_continuation:
        case ReadFailure::unfinished_message:
        case ReadFailure::unmasked:
        case ReadFailure::long_control:
        case ReadFailure::long_length_form:
        case ReadFailure::length_high_bit:
        case ReadFailure::bad_close_payload: break;
    }
    return CloseCode::protocol_error;
}

Bytes describe(ReadFailure failure) noexcept {
    switch (failure) {
        case ReadFailure::none: return "no failure";
        case ReadFailure::reserved_bits: return "reserved bits set";
        case ReadFailure::unknown_opcode: return "unknown opcode";
        case ReadFailure::fragmented_control: return "fragmented control frame";
        case ReadFailure::unexpected_continuation: return "continuation of nothing";
        case ReadFailure::unfinished_message: return "new message inside a fragmented one";
        case ReadFailure::too_many_fragments: return "too many fragments";
        case ReadFailure::unmasked: return "frame without a mask";
        case ReadFailure::long_control: return "control frame too long";
        case ReadFailure::long_length_form: return "length not in its shortest form";
        case ReadFailure::length_high_bit: return "length out of range";
        case ReadFailure::message_too_big: return "message too big";
        case ReadFailure::invalid_utf8: return "text is not UTF-8";
        case ReadFailure::bad_close_payload: return "bad close code";
        case ReadFailure::invalid_close_reason: return "close reason is not UTF-8";
    }
    return "unknown failure";
}

// Judges each byte as soon as it is there and in wire order, so that a failure neither waits for bytes that may never
// come nor depends on where the stream was cut.
FrameReader::Header FrameReader::parse_header(const unsigned char* bytes, std::size_t size, const Progress& now,
                                              const ReadLimits& limits) noexcept {
    Header header;
    const auto fail = [&header](ReadFailure failure) {
        header.failure = failure;
        return header;
    };
    if (size < 1) return header;
    const unsigned opcode = bytes[0] & 0x0f;
    header.is_final = (bytes[0] & kFinal) != 0;
    header.opcode = static_cast<Opcode>(opcode);
    const bool control = is_control(header.opcode);
    if ((bytes[0] & kReserved) != 0) return fail(ReadFailure::reserved_bits);
    if ((opcode & 0x7) > 2) return fail(ReadFailure::unknown_opcode);
    if (control) {
        if (!header.is_final) return fail(ReadFailure::fragmented_control);
    } else if (header.opcode == Opcode::continuation) {
        if (!now.in_message) return fail(ReadFailure::unexpected_continuation);
        if (now.fragments >= limits.max_fragments) return fail(ReadFailure::too_many_fragments);
    } else if (now.in_message) {
        return fail(ReadFailure::unfinished_message);
    }

    if (size < 2) return header;
    if ((bytes[1] & kMasked) == 0) return fail(ReadFailure::unmasked);
    const unsigned form = bytes[1] & 0x7f;
    if (control && form > kMaxControlPayload) return fail(ReadFailure::long_control);

    const std::size_t extended = form < 126 ? 0 : form == 126 ? 2 : 8;
    if (size < 2 + extended) return header;
    header.length = extended == 0 ? form : big_endian(bytes + 2, extended);
    if ((extended == 2 && header.length < 126) || (extended == 8 && header.length <= 0xffff)) {
        return fail(ReadFailure::long_length_form);
    }
    if ((header.length >> 63) != 0) return fail(ReadFailure::length_high_bit);
    if (!control) {  // compared before anything is added, so no length can overflow
        const std::size_t max = limits.max_message_bytes;
        const std::size_t before = now.in_message ? now.message_size : 0;
        if (header.length > max || before > max - header.length) return fail(ReadFailure::message_too_big);
    }

    if (size < 2 + extended + 4) return header;
    std::memcpy(header.mask.bytes.data(), bytes + 2 + extended, 4);
    header.size = static_cast<std::uint8_t>(2 + extended + 4);
    return header;
}

// Reads a frame's header, the first part of which an earlier chunk may have brought. An incomplete one is kept and
// leaves the feed at its end, outside a frame.
ReadFailure FrameReader::begin_frame(Feed& feed, const ReadLimits& limits) noexcept {
    Progress& now = feed.progress;
    const auto left = static_cast<std::size_t>(feed.end - feed.at);
    const std::size_t kept = now.header_size;
    const unsigned char* bytes = reinterpret_cast<const unsigned char*>(feed.at);
    std::size_t size = left;
    if (kept > 0) {
        const std::size_t added = std::min(left, kMaxClientHeader - kept);
        std::memcpy(now.header + kept, feed.at, added);
        bytes = now.header;
        size = kept + added;
    }

    const Header header = parse_header(bytes, size, now, limits);
    if (header.failure != ReadFailure::none) return header.failure;
    if (header.size == 0) {  // then fewer than kMaxClientHeader bytes
        if (kept == 0 && size > 0) std::memcpy(now.header, feed.at, size);
        now.header_size = static_cast<std::uint8_t>(size);
        feed.at = feed.end;
        return ReadFailure::none;
    }

    feed.at += header.size - kept;
    now.header_size = 0;
    now.in_frame = true;
    now.opcode = header.opcode;
    now.is_final = header.is_final;
    now.to_come = header.length;
    now.mask = header.mask;
    if (is_control(header.opcode)) return ReadFailure::none;
    if (header.opcode != Opcode::continuation) {
        now.in_message = true;
        now.kind = header.opcode == Opcode::text ? PayloadKind::text : PayloadKind::binary;
        now.utf8 = {};
        now.message_size = 0;
        now.fragments = 0;
    }
    ++now.fragments;
    return ReadFailure::none;
}

FrameReader::Event FrameReader::close_event(Bytes payload) noexcept {
    Event event;
    event.what = What::close;
    event.code = static_cast<std::uint16_t>(CloseCode::no_status);
    if (payload.empty()) return event;

    event.what = What::failure;
    event.failure = ReadFailure::bad_close_payload;
    if (payload.size() < 2) return event;
    event.code = static_cast<std::uint16_t>(big_endian(reinterpret_cast<const unsigned char*>(payload.data()), 2));
    if (!may_be_sent(event.code)) return event;
    event.bytes = payload.substr(2);
    event.failure = ReadFailure::invalid_close_reason;
    if (!is_valid_utf8(event.bytes)) return event;

    event.what = What::close;
    event.failure = ReadFailure::none;
    return event;
}

FrameReader::Feed FrameReader::begin(std::span<char> chunk) const noexcept {
    Feed feed{chunk.data(), chunk.data() + chunk.size(), nullptr, {}};
    if (block_) feed.progress = block_->progress;
    return feed;
}

FrameReader::Event FrameReader::next(Feed& feed, const ReadLimits& limits) {
    Progress& now = feed.progress;
    if (block_ && now.is_idle()) block_.reset();  // what it held was delivered last time
    for (;;) {
        if (!now.in_frame) {
            if (const auto failure = begin_frame(feed, limits); failure != ReadFailure::none) {
                return {What::failure, failure, {}, 0, {}};
            }
            if (!now.in_frame) return {};
        }

        char* const part = feed.at;
        const auto size = static_cast<std::size_t>(
            std::min<std::uint64_t>(now.to_come, static_cast<std::uint64_t>(feed.end - feed.at)));
        unmask(part, size, now.mask);
        feed.at += size;
        now.to_come -= size;
        now.mask = now.mask.after(size);
        if (is_control(now.opcode)) return take_control(feed, part, size);

        const bool is_text = now.kind == PayloadKind::text;
        if (is_text && !now.utf8.feed({part, size})) return {What::failure, ReadFailure::invalid_utf8, {}, 0, {}};
        const bool is_whole = now.is_final && now.to_come == 0;
        Event event{What::message, ReadFailure::none, now.kind, 0, {part, size}};
        if (!is_whole || now.message_size > 0) {
            if (block_) {
                const std::size_t needed = now.message_size + size;
                reserve(feed, needed, now.is_final ? needed + now.to_come : limits.max_message_bytes);
                std::memcpy(block_->bytes() + now.message_size, part, size);
            } else if (feed.gathered == nullptr) {
                feed.gathered = part;
            } else {
                std::memmove(feed.gathered + now.message_size, part, size);
            }
            now.message_size += size;
            event.bytes = {block_ ? block_->bytes() : feed.gathered, now.message_size};
        }
        if (now.to_come > 0) return {};
        now.in_frame = false;
        if (!now.is_final) continue;

        if (is_text && !now.utf8.is_complete()) return {What::failure, ReadFailure::invalid_utf8, {}, 0, {}};
        now.in_message = false;
        now.message_size = 0;
        feed.gathered = nullptr;
        return event;
    }
}

FrameReader::Event FrameReader::take_control(Feed& feed, char* part, std::size_t size) {
    Progress& now = feed.progress;
    Bytes payload{part, size};
    if (now.to_come > 0 || now.control_size > 0) {
        const std::size_t begin = now.message_size;
        const std::size_t needed = begin + now.control_size + size;
        reserve(feed, needed, needed);
        std::memcpy(block_->bytes() + begin + now.control_size, part, size);
        now.control_size = static_cast<std::uint8_t>(now.control_size + size);
        payload = {block_->bytes() + begin, now.control_size};
    }
    if (now.to_come > 0) return {};
    now.in_frame = false;
    now.control_size = 0;
    if (now.opcode == Opcode::close) return close_event(payload);
    return {now.opcode == Opcode::ping ? What::ping : What::pong, ReadFailure::none, {}, 0, payload};
}

// Makes the block hold `needed` bytes: exactly so at first, later twice as many as before, though not more than
// `bound`, all that can still come. So a client pays for memory with bytes, whatever lengths it announces.
void FrameReader::reserve(Feed& feed, std::size_t needed, std::size_t bound) {
    static_assert(std::is_trivially_copyable_v<Block>, "it is moved by realloc");
    const bool is_new = block_ == nullptr;
    if (!is_new && block_->capacity >= needed) return;
    const std::size_t capacity = is_new ? needed : std::max(needed, std::min(2 * block_->capacity, bound));
    void* const memory = std::realloc(block_.get(), sizeof(Block) + capacity);
    if (memory == nullptr) throw std::bad_alloc();
    static_cast<void>(block_.release());
    block_.reset(is_new ? new (memory) Block{} : static_cast<Block*>(memory));
    block_->capacity = capacity;
    if (feed.gathered != nullptr) {
        std::memcpy(block_->bytes(), feed.gathered, feed.progress.message_size);
        feed.gathered = nullptr;
    }
}

void FrameReader::suspend(Feed& feed) {
    if (feed.progress.is_idle()) {
        block_.reset();
        return;
    }
    if (!block_) reserve(feed, feed.progress.message_size, feed.progress.message_size);
    block_->progress = feed.progress;
}

void FrameReader::end() noexcept {
    block_.reset();
    ended_ = true;
}

}  // namespace trunkline::protocol::websocket
