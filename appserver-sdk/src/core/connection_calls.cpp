// What the app asks of one connection, from whichever thread.
#include <utility>

#include "appserver-sdk/src/checks.hpp"
#include "appserver-sdk/src/core/connections.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline {

std::error_code Connections::accept(const StatePtr& state, Acceptance&& acceptance) {
    if (!is_text(acceptance.user) || !is_text(acceptance.subprotocol)) return errc::not_utf8;
    std::vector<protocol::Bytes> groups;
    for (const auto& group : acceptance.groups) {
        if (const auto error = check_name(group)) return error;
        groups.push_back(group);
    }
    if (state->asks && !acceptance.subprotocol.empty() && !state->request.offers(acceptance.subprotocol)) {
        return errc::not_offered;
    }
    protocol::Buffer& frame = calls_.begin_frame();
    if (state->asks || !acceptance.user.empty() || !groups.empty()) {
        protocol::Accept message;
        message.chan = state->chan;
        if (!acceptance.user.empty()) message.user = acceptance.user;
        message.groups = groups;
        if (!acceptance.subprotocol.empty()) message.subprotocol = acceptance.subprotocol;
        protocol::append(frame, message);
        if (frame.size() > state->budget->max_frame) return errc::too_large;
    }
    if (!state->has_accepted_names.load(std::memory_order_relaxed)) {
        state->accepted_user = std::move(acceptance.user);
        state->accepted_subprotocol = std::move(acceptance.subprotocol);
        state->has_accepted_names.store(true, std::memory_order_release);
    }
    if (!calls_.is_on_loop()) return outgoing_.submit_accept(state, frame);
    if (const auto error = open_phase(*state)) return error;
    apply_accept(state, frame);
    return {};
}

std::error_code Connections::refuse(const StatePtr& state, std::uint16_t code, std::string_view reason) {
    const bool is_status = code >= 400 && code <= 499;
    if (!is_status && !protocol::websocket::may_be_sent(code)) return errc::bad_refusal;
    if (const auto error = check_reason(reason)) return error;
    auto expected = Phase::asking;
    if (!state->phase.compare_exchange_strong(expected, Phase::ended, std::memory_order_acq_rel)) {
        return expected == Phase::open ? errc::already_answered : errc::closed;
    }
    const std::uint16_t wire_code = state->asks ? (is_status ? code : 403) : (is_status ? 1008 : code);
    return end_by_app(state, wire_code, {ClosedBy::app, code, std::string(reason)});
}

std::error_code Connections::close(const StatePtr& state, std::uint16_t code, std::string_view reason) {
    if (!protocol::websocket::may_be_sent(code)) return errc::bad_close_code;
    if (const auto error = check_reason(reason)) return error;
    const Phase before = state->phase.exchange(Phase::ended, std::memory_order_acq_rel);
    if (before == Phase::ended) {
        // If its client left while it was paused, the app does not want the messages before that end any more.
        if (state->wants_pause.load(std::memory_order_relaxed))
            end_by_app(state, code, {ClosedBy::app, code, std::string(reason)});
        return errc::closed;
    }
    const std::uint16_t wire_code = before == Phase::asking && state->asks ? 403 : code;
    return end_by_app(state, wire_code, {ClosedBy::app, code, std::string(reason)});
}

std::error_code Connections::end_by_app(const StatePtr& state, std::uint16_t wire_code, Disconnect disconnect) {
    protocol::Buffer& frame = calls_.begin_frame();
    protocol::append(frame, protocol::Close{state->chan, wire_code, disconnect.reason, protocol::CloseBy::app});
    if (calls_.is_on_loop()) {
        apply_close(state, frame, std::move(disconnect));
        return {};
    }
    Call call;
    call.what = Call::What::close;
    call.to.connection = state;
    call.disconnect = std::move(disconnect);
    return outgoing_.submit_control(std::move(call), frame);
}

void Connections::pause(const StatePtr& state) { set_paused(state, true); }

void Connections::resume(const StatePtr& state) { set_paused(state, false); }

void Connections::set_paused(const StatePtr& state, bool paused) {
    state->wants_pause.store(paused, std::memory_order_relaxed);
    if (calls_.is_on_loop()) {
        calls_.take();
        return apply_pause(state);
    }
    if (state->pause_queued.exchange(true, std::memory_order_acq_rel)) return;  // the call under way will see it
    Call call;
    call.what = Call::What::pause;
    call.to.connection = state;
    outgoing_.submit_control(std::move(call));
}

}  // namespace trunkline
