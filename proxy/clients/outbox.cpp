#include "proxy/clients/outbox.hpp"

#include <algorithm>

namespace trunkline::proxy {
namespace {

constexpr std::size_t kKeptCapacity = 16 << 10;
constexpr std::size_t kOwnSegment = 64 << 10;

/// Length of the WebSocket frame at the front of `bytes`, which our own writer made: unmasked and whole (RFC 6455
/// §5.2).
std::size_t frame_length(std::string_view bytes) {
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
    const std::size_t small = byte(1);
    if (small < 126) return 2 + small;
    std::size_t length = 0;
    const std::size_t header = small == 126 ? 4 : 10;
    for (std::size_t i = 2; i < header; ++i) length = length << 8 | byte(i);
    return header + length;
}

/// Whether a message begins here, not a control frame (RFC 6455 §5.5) or an HTTP answer, whose H looks like one.
bool is_message(std::string_view bytes) { return (static_cast<unsigned char>(bytes.front()) & 0x0f) < 8; }

}  // namespace

void Outbox::append(std::string_view head, std::string_view payload) {
    const std::size_t size = head.size() + payload.size();
    own_.append(head).append(payload);
    // Segments are what is given back when it is written, so a client that never quite drains must not have one for
    // ever.
    if (first_ == segments_.size() || !segments_.back().shared.empty() || segments_.back().size >= kOwnSegment) {
        segments_.push_back({{}, size, false});
    } else {
        segments_.back().size += size;
    }
    bytes_ += size;
}

void Outbox::append(const net::SharedBytes& frame) {
    if (frame.size() <= kCopyBytes) return append(frame.view(), {});
    segments_.push_back({frame, frame.size(), false});
    bytes_ += frame.size();
}

void Outbox::append_droppable(const net::SharedBytes& frame) {
    segments_.push_back({frame, frame.size(), true});  // never copied: what is in the middle of own_ stays there
    bytes_ += frame.size();
}

std::string_view Outbox::bytes_of(std::size_t segment, std::size_t own_offset) const noexcept {
    const Segment& s = segments_[segment];
    return !s.shared.empty() ? s.shared.view() : std::string_view(own_).substr(own_offset, s.size);
}

std::size_t Outbox::gather(std::span<std::string_view> out) const noexcept {
    std::size_t n = 0;
    std::size_t own = own_begin_;
    for (std::size_t i = first_; i < segments_.size() && n < out.size(); ++i) {
        out[n++] = bytes_of(i, own).substr(i == first_ ? begun_ : 0);
        if (segments_[i].shared.empty()) own += segments_[i].size;
    }
    return n;
}

void Outbox::written(std::size_t bytes) {
    bytes_ -= bytes;
    begun_ += bytes;
    while (first_ < segments_.size() && begun_ >= segments_[first_].size) {
        Segment& done = segments_[first_++];
        begun_ -= done.size;
        if (done.shared.empty()) own_begin_ += done.size;
        done.shared = {};
    }
    if (first_ == segments_.size()) {
        segments_.clear();
        own_.clear();
        first_ = own_begin_ = 0;
        return;
    }
    if (own_begin_ > own_.size() / 2) {
        own_.erase(0, own_begin_);
        own_begin_ = 0;
    }
    if (first_ > segments_.size() / 2) {
        segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
}

void Outbox::append_answer(std::string_view answer) {
    segments_.push_back({net::SharedBytes::copy_of(answer), answer.size(), false});
    bytes_ += answer.size();
}

std::size_t Outbox::messages() const {
    std::size_t count = 0;
    std::size_t own = own_begin_;
    for (std::size_t i = first_; i < segments_.size(); ++i) {
        const bool is_begun = i == first_ && begun_ != 0;
        if (!segments_[i].shared.empty()) {
            if (is_message(segments_[i].shared.view())) ++count;
            continue;
        }
        const auto bytes = bytes_of(i, own);
        own += bytes.size();
        for (std::size_t at = 0; at < bytes.size();) {
            const auto frame = bytes.substr(at);
            at += frame_length(frame);
            if ((!is_begun || at > begun_) && is_message(frame)) ++count;
        }
    }
    return count;
}

std::size_t Outbox::drop_unbegun() {
    const std::size_t before = messages();
    if (begun_ == 0) {
        segments_.resize(first_);
        own_.resize(own_begin_);
        bytes_ = 0;
        return before;
    }
    Segment& begun = segments_[first_];
    if (begun.shared.empty()) {  // several frames: keep those up to the one that was begun
        const auto bytes = std::string_view(own_).substr(own_begin_, begun.size);
        std::size_t keep = 0;
        while (keep < begun_) keep += frame_length(bytes.substr(keep));
        begun.size = keep;
        own_.resize(own_begin_ + keep);
    } else {
        own_.resize(own_begin_);
    }
    bytes_ = begun.size - begun_;
    segments_.resize(first_ + 1);
    return before - messages();
}

bool Outbox::drop_oldest() {
    const auto end = segments_.end();
    const auto from = segments_.begin() + static_cast<std::ptrdiff_t>(first_);
    const auto found = std::find_if(segments_.begin() + static_cast<std::ptrdiff_t>(first_unbegun()), end,
                                    [](const Segment& segment) { return segment.may_drop; });
    if (found == end) return false;
    bytes_ -= found->size;
    // What stands before it is little, mostly the frame that was begun: that moves up, not all that is behind.
    std::move_backward(from, found, found + 1);
    segments_[first_++] = {};
    return true;
}

bool Outbox::drop_newest() {
    const auto oldest = segments_.rend() - static_cast<std::ptrdiff_t>(first_unbegun());
    const auto found =
        std::find_if(segments_.rbegin(), oldest, [](const Segment& segment) { return segment.may_drop; });
    if (found == oldest) return false;
    bytes_ -= found->size;
    segments_.erase(std::next(found).base());
    return true;
}

void Outbox::reset() {
    own_.clear();
    if (own_.capacity() > kKeptCapacity) own_.shrink_to_fit();
    segments_.clear();
    first_ = own_begin_ = begun_ = bytes_ = 0;
}

std::unique_ptr<Outbox> OutboxPool::take() {
    if (free_.empty()) return std::make_unique<Outbox>();
    auto outbox = std::move(free_.back());
    free_.pop_back();
    return outbox;
}

void OutboxPool::give_back(std::unique_ptr<Outbox> outbox) {
    if (free_.size() >= kKept) return;
    outbox->reset();
    free_.push_back(std::move(outbox));
}

}  // namespace trunkline::proxy
