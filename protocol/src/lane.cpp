#include "trunkline/protocol/lane/lane.hpp"

#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

#include <utility>

namespace trunkline::protocol {
namespace {

std::uint64_t milliseconds_of(TimePoint now) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
}

}  // namespace

// --- Out ---

void Lane::append(Bytes head, Bytes payload) {
    const auto start = ring_.end();
    ring_.append(head, payload);
    if (writable_ == start && start < peer_limit_ && !closed_) writable_ = ring_.end();
}

void Lane::widen() noexcept {
    if (closed_) return;
    while (writable_ < ring_.end() && writable_ < peer_limit_) writable_ = ring_.next_frame(writable_);
}

void Lane::close(Bytes bye) {
    state_ack();
    control_.append(bye);
    writable_ = control_at_;
    closed_ = true;
}

void Lane::place_control() noexcept {
    if (!control_.empty()) return;  // joins what is under way: whole frames behind whole frames
    if (sent_ == writable_) walk_ = sent_;
    while (walk_ < sent_) walk_ = ring_.next_frame(walk_);
    control_at_ = walk_;
}

// --- Transport ---

bool Lane::can_attach(std::uint64_t peer_received) const noexcept {
    if (peer_received < ring_.begin() || peer_received > ever_sent_) return false;
    auto boundary = ring_.begin();
    while (boundary < peer_received) boundary = ring_.next_frame(boundary);
    return boundary == peer_received;
}

Result<void> Lane::attach(std::uint64_t peer_received, std::uint64_t peer_limit, TimePoint now) {
    if (!can_attach(peer_received)) return errc::bad_offset;
    sent_ = walk_ = writable_ = peer_received;
    peer_limit_ = std::max(peer_limit_, peer_limit);
    widen();
    control_.clear();
    control_sent_ = 0;
    partial_.clear();
    if (answered_ == TimePoint{}) answered_ = heard_ = now;
    ack_at_once_ = side_ == Side::app;  // what the app's window counts from is to be renewed
    awaits_stamp_ = side_ == Side::proxy;
    attached_ = true;
    announced_limit_ = std::max(announced_limit_, limit());  // our side of Attach or Attached said so
    acked_ = handled_;
    ack_since_.reset();
    last_ack_ = now;
    return success();
}

void Lane::detach() noexcept { attached_ = false; }

bool Lane::has_output(TimePoint now) const noexcept {
    return attached_ && (sent_ < writable_ || !control_.empty() || is_ack_due(now));
}

std::size_t Lane::gather(std::span<Bytes> out, TimePoint now) {
    if (!attached_) return 0;
    if (is_ack_due(now)) {
        if (side_ == Side::app) newest_stamp_ = milliseconds_of(now);
        state_ack();
        ack_since_.reset();
        ack_at_once_ = false;
        last_ack_ = now;
    }
    if (control_.empty()) return ring_.gather(sent_, writable_, out);

    std::size_t n = ring_.gather(sent_, control_at_, out);
    if (n < out.size()) {
        out[n++] = Bytes(control_).substr(control_sent_);
        n += ring_.gather(control_at_, writable_, out.subspan(n));
    }
    return n;
}

void Lane::written(std::size_t bytes) {
    if (!control_.empty()) {
        const auto before = std::min<std::uint64_t>(bytes, control_at_ - sent_);
        sent_ += before;
        bytes -= static_cast<std::size_t>(before);
        const auto control = std::min(bytes, control_.size() - control_sent_);
        control_sent_ += control;
        bytes -= control;
        if (control_sent_ == control_.size()) {
            control_.clear();
            control_sent_ = 0;
        }
    }
    sent_ += bytes;
    ever_sent_ = std::max(ever_sent_, sent_);
}

Bytes Lane::held_frame(std::uint64_t begin, std::uint64_t end, Buffer& scratch) const {
    scratch.clear();
    while (true) {
        std::array<Bytes, 1> piece;
        ring_.gather(begin, end, piece);
        if (scratch.empty() && piece[0].size() == end - begin) return piece[0];
        scratch.append(piece[0]);  // it lies in several blocks
        begin += piece[0].size();
        if (begin == end) return scratch;
    }
}

// --- In ---

void Lane::wait(Bytes frame) {
    if (inbox_begin_ > inbox_.size() / 2) {
        inbox_.erase(0, inbox_begin_);
        inbox_begin_ = 0;
    }
    inbox_.append(frame);
}

void Lane::on_handled(std::size_t bytes, TimePoint now) noexcept {
    handled_ += bytes;
    if (!ack_since_) ack_since_ = now;
}

// --- Acks ---

void Lane::state_ack() {
    place_control();
    protocol::append(control_, Ack{handled_, limit(), newest_stamp_});
    acked_ = handled_;
    announced_limit_ = limit();
}

bool Lane::is_ack_due(TimePoint now) const noexcept {
    if (!attached_ || closed_) return false;
    if (ack_at_once_) return true;
    if (handled_ - acked_ >= std::min(kAckEvery, settings_.window_bytes / 4)) return true;
    const auto deadline = ack_deadline();
    return deadline && *deadline <= now;
}

std::optional<TimePoint> Lane::ack_deadline() const noexcept {
    if (!attached_ || closed_) return std::nullopt;
    if (ack_at_once_) return last_ack_;
    const auto regular = last_ack_ + settings_.keep_alive;
    return ack_since_ ? std::min(*ack_since_ + settings_.ack_delay, regular) : regular;
}

Result<void> Lane::on_ack_body(Bytes body, TimePoint now) {
    TRUNKLINE_TRY(auto ack, decode_only<Ack>(body));
    return on_ack(ack, now);
}

Result<void> Lane::on_ack(const Ack& ack, TimePoint now) {
    if (ack.handled > sent_) return errc::bad_ack;
    // An Ack is never older than the one before: one link is read from its beginning to its end.
    if (ack.handled > ring_.begin() && !ring_.release(ack.handled)) return errc::bad_ack;
    walk_ = std::max(walk_, ring_.begin());
    if (ack.limit > peer_limit_) {
        peer_limit_ = ack.limit;
        widen();
    }
    if (side_ == Side::proxy) {
        if (!closed_) heard_ = now;  // behind it no stamp is answered
        if (ack.stamp == newest_stamp_) return success();
        newest_stamp_ = ack.stamp;
        // The first at once, so that links which all die within the delay renew the app's window too.
        if (std::exchange(awaits_stamp_, false)) ack_at_once_ = true;
        if (!ack_since_) ack_since_ = now;  // later ones as soon as handled bytes are
    } else {
        if (ack.stamp > newest_stamp_) return errc::bad_ack;  // it answers what was not asked
        answered_ = std::max(answered_, TimePoint(std::chrono::milliseconds(ack.stamp)));
    }
    return success();
}

}  // namespace trunkline::protocol
