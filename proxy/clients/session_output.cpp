// What goes to the client: into the outbox while a turn lasts, to the socket once at its end.
#include "proxy/clients/session.hpp"

namespace trunkline::proxy {

using net::Clock;
using net::IoResult;
using protocol::Bytes;
using protocol::PayloadKind;

Outbox& Session::outbox() {
    if (!outbox_) {
        outbox_ = home_.outboxes.take();
        outbox_->note_progress(home_.loop.now());
    }
    return *outbox_;
}

bool Session::fits(std::size_t bytes) const {
    return !outbox_ || outbox_->cost() + bytes <= route_->all_settings.limits.outbox_bytes;
}

/// Room for a frame that must go out, or for a fan-out, which may be dropped itself. False: it cannot be queued; the
/// client is closed, unless it was dropped.
bool Session::make_room(std::size_t bytes, Content content) {
    if (fits(bytes)) return true;
    flush();  // much may have come in this turn for a client that keeps up
    if (state_ != State::open) return false;
    const auto policy = route_->settings.outbox_policy;
    const bool may_drop_it = content == Content::fan_out && policy != config::OutboxPolicy::close;
    if (may_drop_it && policy == config::OutboxPolicy::drop_newest) return fits(bytes);
    // Nothing is dropped for what does not fit even then.
    const bool could_fit = !outbox_ || outbox_->cost_if_dropped() + bytes <= route_->all_settings.limits.outbox_bytes;
    while (!fits(bytes)) {
        if (could_fit && drop_waiting()) continue;
        if (!may_drop_it) close(CloseReason::outbox_full);
        return false;
    }
    return true;
}

/// Drops a fan-out that waits, as the route's policy has it; false if there is none.
bool Session::drop_waiting() {
    const std::size_t before = outbox_->bytes();
    switch (route_->settings.outbox_policy) {
        case config::OutboxPolicy::close: return false;
        case config::OutboxPolicy::drop_newest:
            if (!outbox_->drop_newest()) return false;
            break;
        case config::OutboxPolicy::drop_oldest:
            if (!outbox_->drop_oldest()) return false;
            break;
    }
    home_.counters.outbox_bytes.add(-static_cast<std::int64_t>(before - outbox_->bytes()));
    home_.counters.drops(DropReason::outbox_policy).add();
    return true;
}

void Session::queued(std::size_t before) {
    const std::size_t bytes = outbox_->bytes();
    home_.counters.outbox_bytes.add(static_cast<std::int64_t>(bytes - before));
    const bool over = bytes > route_->all_settings.limits.outbox_bytes / 4;
    if (over && !backlog_) {
        flush();
        if (state_ != State::open) return;
        if (outbox_ && outbox_->bytes() > route_->all_settings.limits.outbox_bytes / 4 && !backlog_) {
            backlog_ = true;
            attachment_.set_backlog(Backlog::on);
        }
    }
    home_.loop.touch(*this);
}

void Session::deliver(PayloadKind kind, Bytes payload) {
    if (state_ != State::open) {
        home_.counters.drops(DropReason::client_closing).add();
        return;
    }
    if (!make_room(payload.size(), Content::own)) return home_.counters.drops(DropReason::outbox_discarded).add();
    Outbox& out = outbox();
    const std::size_t before = out.bytes();
    transport_.add_message(out, kind, payload);
    home_.counters.count_message(Direction::to_client, payload.size());
    last_message_ = home_.loop.now();
    queued(before);
}

void Session::deliver(const net::SharedBytes& frame, std::size_t payload_bytes) {
    if (state_ != State::open) {
        home_.counters.drops(DropReason::client_closing).add();
        return;
    }
    if (!make_room(frame.size(), Content::fan_out)) {
        const auto why = state_ == State::open ? DropReason::outbox_policy : DropReason::outbox_discarded;
        return home_.counters.drops(why).add();
    }
    Outbox& out = outbox();
    const std::size_t before = out.bytes();
    if (route_->settings.outbox_policy == config::OutboxPolicy::close && frame.size() <= Outbox::kCopyBytes) {
        out.append(Outbox::Kind::message, frame.view());
    } else {
        out.append_shared(frame);
    }
    home_.counters.count_message(Direction::to_client, payload_bytes);
    last_message_ = home_.loop.now();
    queued(before);
}

void Session::on_turn_end() {
    if (state_ == State::closed) return;
    flush();
}

void Session::flush() {
    if (outbox_ && can_write_) {
        const std::size_t before = outbox_->bytes();
        const auto written = transport_.write(*outbox_);
        if (outbox_->bytes() != before) outbox_->note_progress(home_.loop.now());
        home_.counters.outbox_bytes.add(-static_cast<std::int64_t>(before - outbox_->bytes()));
        if (written.status == IoResult::Status::failed) {
            if (state_ == State::closing) return finish();
            return close(CloseReason::client_reset);
        }
        if (written.status == IoResult::Status::would_block) {
            can_write_ = false;
            waits_.writer_blocked(written);
            wake_by(outbox_->progressed_at() + route_->all_settings.timeouts.write_progress);
        } else {
            home_.outboxes.give_back(std::move(outbox_));
        }
    }
    if (backlog_ && (!outbox_ || outbox_->bytes() < route_->all_settings.limits.outbox_bytes / 8)) {
        backlog_ = false;
        attachment_.set_backlog(Backlog::off);
    }
    if (state_ == State::closing && !outbox_) {
        if (close_seen_) return finish();
        if (since_ == Clock::time_point{}) {  // the close frame is out: the client has so long to answer
            since_ = home_.loop.now();
            wake_by(since_ + route_->all_settings.timeouts.close);
        }
    }
}

}  // namespace trunkline::proxy
