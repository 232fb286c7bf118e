// How a session ends: what the app is told, what the client is told, and when the socket goes.
#include "proxy/attachments/upstream_connections.hpp"
#include "proxy/clients/session.hpp"
#include "proxy/clients/session_table.hpp"
#include "proxy/http/http_answer.hpp"
#include "proxy/log/logging.hpp"
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

void Session::close(CloseReason why, std::uint16_t code, Bytes text) {
    if (state_ == State::closing || state_ == State::closed) return;
    const CloseReasonInfo& info = describe(why);
    if (code == 0) code = info.code;
    if (text.empty() && why != CloseReason::client_closed && why != CloseReason::app_closed) text = info.text;

    if (attachment_.is_in_directory()) {
        home_.counters.closes(why).add();
        if (is_logged(config::LogLevel::debug)) {
            log_debug("connection closed", {{"connection", attachment_.connection_id().to_string()},
                                            {"upstream", attachment_.upstream().name},
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
    if (is_close_of_app(why)) {
        attachment_.end_by_app();
    } else {
        attachment_.end({code, told_by(why), text});
    }
    if (was_asking) {
        const unsigned status = why == CloseReason::refused_by_app   ? code
                                : why == CloseReason::protocol_error ? 400u
                                                                     : 503u;
        asking_.reset();
        close_seen_ = true;
        if (why == CloseReason::client_gone || why == CloseReason::client_reset) return finish();
        const Refusal refusal = status == 503 ? unavailable(refuse_reason(why), std::string(text))
                                              : Refusal{refuse_reason(why), status, std::string(text), {}, false};
        return add_control([&](Outbox& out) { out.append(Outbox::Kind::control, refusal_answer(refusal)); });
    }
    end_client_side(why, code, text);
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
    add_control([&](Outbox& out) { transport_.add_close(out, code, text); });
    close_seen_ = why == CloseReason::client_closed;
    wake_by(next_deadline(home_.loop.now()));
    if (readable_ && paused_.is_paused())
        home_.loop.poller().again(token_);  // its answer may be behind what was not read
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
    transport_.close();
    ticket_ = {};
    cancel();
    if (attachment_.has_ended()) leave_table();
}

void Session::on_app_told() {
    if (state_ == State::closed) leave_table();
}

void Session::leave_table() { home_.loop.bury(home_.sessions.remove(*this)); }

}  // namespace trunkline::proxy
