// How a session ends: what the app is told, what the client is told, and when the socket goes.
#include "proxy/http/http_answer.hpp"
#include "proxy/log/logging.hpp"
#include "proxy/clients/session.hpp"
#include "proxy/clients/session_table.hpp"
#include "proxy/attachments/held_connections.hpp"
#include "proxy/upstreams/native/lane_pool.hpp"
#include "proxy/upstreams/upstream.hpp"
#include "trunkline/protocol/service/encode.hpp"
#include "trunkline/protocol/websocket/frame_writer.hpp"

namespace trunkline::proxy {

using net::Clock;
using protocol::Bytes;
namespace websocket = protocol::websocket;

namespace {

/// The counter of a connection that ended before it had opened.
RefuseReason refuse_reason(CloseReason why) {
    switch (why) {
        case CloseReason::refused_by_app: return RefuseReason::refused_by_app;
        case CloseReason::ask_timeout: return RefuseReason::ask_timeout;
        case CloseReason::app_server_lost:
        case CloseReason::app_server_stopping: return RefuseReason::app_server_lost;
        case CloseReason::draining: return RefuseReason::draining;
        case CloseReason::client_gone:
        case CloseReason::client_reset: return RefuseReason::client_gone;
        case CloseReason::protocol_error: return RefuseReason::bad_request;
        default: return RefuseReason::internal_error;
    }
}

/// Whether it is the app's own Close, which is not answered.
bool is_close_of_app(CloseReason why) { return why == CloseReason::app_closed || why == CloseReason::refused_by_app; }

/// What a Close of ours says of whose doing it was.
protocol::CloseBy told_by(CloseReason why) {
    return describe(why).by == ClosedBy::client ? protocol::CloseBy::client : protocol::CloseBy::proxy;
}

}  // namespace

void Session::on_app_close(std::uint16_t code, Bytes reason) {
    if (state_ == State::asking) {
        close(CloseReason::refused_by_app, code >= 400 && code <= 499 ? code : std::uint16_t{403}, reason);
    } else {
        close(CloseReason::app_closed, websocket::may_be_sent(code) ? code : std::uint16_t{1000}, reason);
    }
}

void Session::on_pool_ended(CloseReason why, bool may_hold) {
    const Binding was = std::exchange(binding_, {});  // nobody is left to be told, and the lane goes with its pool
    waits_for_lane_ = awaits_ack_ = moving_ = detach_untold_ = false;
    if (may_hold && departed_) {
        departed_->chan = was.chan;
        upstream_.held().take(std::move(*departed_), was.lane->pool());
    }
    close_untold_ = false;
    departed_.reset();
    if (state_ == State::closed) return leave_table();  // it was here only to tell the app
    if (may_hold && record_ && state_ == State::open)
        return hold(upstream_.held().take(*this, was.chan, was.lane->pool()));
    close(why);
}

/// From here on it has no app server. What made the one before not read the client any more went with it.
void Session::hold(HeldConnection& held) {
    held_ = &held;
    backlog_told_ = false;
    share_before_ = share_behind_ = 0;
    share_mark_ = 0;
    for (const auto reason : {PauseReason::lane_full, PauseReason::share, PauseReason::app, PauseReason::moving}) {
        go_on(reason);
    }
}

void Session::on_placed(const Binding& binding) {
    held_ = nullptr;
    binding_ = binding;
    tell_backlog();
    go_on(PauseReason::held);
}

void Session::give_up(CloseReason why) {
    held_ = nullptr;
    close(why);
}

// --- To another app server ---

void Session::move() {
    if (state_ != State::open || moving_ || binding_.lane == nullptr) return;
    if (!record_) return close(CloseReason::app_server_stopping);
    moving_ = true;
    pause(PauseReason::moving);
    send_detach();
}

void Session::send_detach() {
    protocol::Buffer frame;
    append(frame, protocol::Detach{binding_.chan});
    detach_untold_ = !binding_.lane->send_control(frame);
    if (detach_untold_) wait_for_lane();
}

void Session::on_detached() {
    if (!moving_) return;
    moving_ = detach_untold_ = false;
    leave_lane();
    hold(upstream_.held().move(*this));
}

void Session::close(CloseReason why, std::uint16_t code, Bytes text) {
    if (state_ == State::closing || state_ == State::closed) return;
    const CloseReasonInfo& info = describe(why);
    if (code == 0) code = info.code;
    if (text.empty() && why != CloseReason::client_closed && why != CloseReason::app_closed) text = info.text;

    why_ = why;
    close_code_ = code;
    const bool tells_app = !is_close_of_app(why);
    if (tells_app && record_ && (held_ != nullptr || binding_.lane != nullptr)) {
        departed_ = std::make_unique<Departed>(depart());
    }
    if (is_in_directory()) {
        upstream_.directory().remove(*this);
        upstream_.counters().connections.add(-1);
        home_.counters.closes(why).add();
        if (is_logged(config::LogLevel::debug)) {
            log_debug("connection closed", {{"connection", connection_id().to_string()},
                                            {"upstream", upstream_.name()},
                                            {"by", to_string(info.by)},
                                            {"reason", info.label},
                                            {"code", code}});
        }
    } else {
        home_.counters.refused(refuse_reason(why)).add();
    }

    const bool was_asking = state_ == State::asking;
    state_ = State::closing;
    since_ = {};
    if (tells_app) tell_app_closed(text);
    if (!close_untold_) leave_lane();
    if (was_asking) {
        const unsigned status = why == CloseReason::refused_by_app   ? code
                                : why == CloseReason::protocol_error ? 400u
                                                                     : 503u;
        asking_.reset();
        close_seen_ = true;
        if (why == CloseReason::client_gone || why == CloseReason::client_reset) return finish();
        const Refusal refusal = status == 503 ? unavailable(refuse_reason(why), std::string(text))
                                              : Refusal{refuse_reason(why), status, std::string(text), {}, false};
        outbox().append_answer(refusal_answer(refusal));
        home_.counters.outbox_bytes.add(static_cast<std::int64_t>(outbox_->bytes()));
        home_.loop.touch(*this);
        return;
    }
    end_client_side(why, code, text);
}

/// Close for the app, behind all that this client has sent; if the lane has no room even for that, when it has, and
/// then without the reason, which is nowhere kept.
void Session::tell_app_closed(Bytes reason) {
    if (held_ != nullptr) {
        upstream_.held().leave(*std::exchange(held_, nullptr), std::move(*departed_));
        return departed_.reset();
    }
    if (binding_.lane == nullptr) return;
    if (moving_ && !detach_untold_) {  // Detach was the last word; what stands before it may still have to be handed on
        if (departed_) binding_.lane->keep(std::move(*std::exchange(departed_, nullptr)));
        return;
    }
    protocol::Buffer frame;
    append(frame, protocol::Close{binding_.chan, close_code_, reason, told_by(why_)});
    close_untold_ = !binding_.lane->send_control(frame);
    if (close_untold_) return wait_for_lane();
    if (departed_) binding_.lane->keep(std::move(*std::exchange(departed_, nullptr)));
}

Departed Session::depart() {
    Departed departed;
    departed.id = connection_id();
    departed.key = key();
    departed.record = std::move(record_);
    if (const auto user = upstream_.directory().user_of(*this)) departed.user = *user;
    upstream_.directory().for_each_group_of(*this, [&](Bytes group) { departed.groups.emplace_back(group); });
    departed.code = close_code_;
    departed.by = told_by(why_);
    departed.chan = binding_.chan;
    return departed;
}

/// Nothing more goes to the app, and the lane knows nothing of this session any more: it may go before us.
void Session::leave_lane() {
    if (binding_.lane == nullptr) return;
    if (waits_for_lane_) binding_.lane->stop_waiting(*this);
    if (awaits_ack_) binding_.lane->stop_waiting_for_ack(*this);
    awaits_ack_ = false;
    binding_.lane->forget(binding_.chan);
    waits_for_lane_ = false;
    binding_ = {};
}

void Session::end_client_side(CloseReason why, std::uint16_t code, Bytes text) {
    if (why == CloseReason::client_gone || why == CloseReason::client_reset || why == CloseReason::write_stalled) {
        return finish();
    }
    if (why == CloseReason::outbox_full && outbox_) {
        const std::size_t before = outbox_->bytes();
        home_.counters.drops(DropReason::outbox_discarded).add(outbox_->drop_unbegun());
        home_.counters.outbox_bytes.add(-static_cast<std::int64_t>(before - outbox_->bytes()));
    }
    protocol::Buffer frame;
    websocket::append_close(frame, code, text);
    Outbox& out = outbox();
    out.append(frame, {});
    home_.counters.outbox_bytes.add(static_cast<std::int64_t>(frame.size()));
    close_seen_ = why == CloseReason::client_closed;
    wake_by(next_deadline(home_.loop.now()));
    if (readable_ && paused_.is_paused())
        home_.loop.poller().again(token_);  // its answer may be behind what was not read
    home_.loop.touch(*this);
}

/// The socket goes now; the session stays until the app was told.
void Session::finish() {
    if (outbox_) {
        home_.counters.outbox_bytes.add(-static_cast<std::int64_t>(outbox_->bytes()));
        home_.counters.drops(DropReason::outbox_discarded).add(outbox_->messages());
        home_.outboxes.give_back(std::move(outbox_));
    }
    state_ = State::closed;
    home_.loop.poller().remove(token_);
    stream_.close();
    ticket_ = {};
    deadline_.cancel();
    if (!close_untold_) leave_table();
}

void Session::leave_table() {
    leave_lane();
    home_.loop.bury(home_.sessions.remove(*this));
}

}  // namespace trunkline::proxy
