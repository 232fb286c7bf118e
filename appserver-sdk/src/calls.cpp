// What the app asks of Core, from whichever thread, and how it reaches the lanes in order.

#include <utility>

#include "appserver-sdk/src/checks.hpp"
#include "appserver-sdk/src/core.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline {
namespace {

/// Whether this frame, one of ours, brings a message to clients; the others tell the proxy something.
bool is_message(std::string_view frame) {
    const auto length = protocol::read_length(frame, protocol::kMaxFrameLength);
    const auto type = protocol::peek_type(frame.substr(length.value()->prefix));
    switch (type.value()) {
        case protocol::Data::kType:
        case protocol::ConnectionData::kType:
        case protocol::MultiConnectionData::kType:
        case protocol::UserData::kType:
        case protocol::MultiUserData::kType:
        case protocol::BroadcastData::kType:
        case protocol::GroupBroadcastData::kType:
        case protocol::MultiGroupBroadcastData::kType: return true;
        default: return false;
    }
}

}  // namespace

protocol::Buffer& Core::begin_frame() {
    // Before anything is encoded: what other threads asked for goes first, and the end of their calls may run code of
    // the app, which may come here too.
    if (is_on_loop()) take_calls();
    constexpr std::size_t kKeep = 64 << 10;
    thread_local protocol::Buffer buffer;
    if (buffer.capacity() > kKeep) protocol::Buffer().swap(buffer);
    buffer.clear();
    return buffer;
}

// --- Sends ---

std::error_code Core::send(Addressees to, std::string_view frame, std::int32_t request, Completion completion) {
    if (!is_on_loop()) {
        Call call;
        call.to = std::move(to);
        call.request = request;
        call.completion = std::move(completion);
        return outgoing.submit(std::move(call), frame);
    }
    if (has_finished_) return errc::closed;
    if (to.connection && !to.connection->is_answered && to.connection->phase.load() != Phase::ended) {
        return errc::not_accepted;  // or accepted just now by another thread: that is on its way here, and goes first
    }
    const auto error = reserve(
        to, outgoing.pools(), frame.size(), request != 0, limits(),
        [&](const PoolBudget& pool, std::size_t lane) { return has_reserve(pool.lane[lane], limits(), frame.size()); });
    if (error) return error;
    std::vector<AskedLane> asked;
    append_reserved(to, frame, request != 0 ? &asked : nullptr);
    if (request != 0) requests_.add(request, std::move(asked), std::move(completion));
    return {};
}

void Core::append_reserved(const Addressees& to, std::string_view frame, std::vector<AskedLane>* asked) {
    const bool may_linger = options_.linger > std::chrono::microseconds::zero() && is_message(frame);
    const auto append = [&](Pool& pool, LaneSlot& slot) {
        if (may_linger) {
            pool.append_message(slot, frame);
        } else {
            pool.append(slot, frame);
        }
        if (asked != nullptr) asked->push_back({&pool, slot.index});
    };
    if (to.connection) {
        if (LaneSlot* slot = slot_of(*to.connection)) return append(slot->pool, *slot);
        // The connection ended while this was under way; its lane may live on.
        LaneBudget& lane = to.connection->lane_budget();
        lane.used_bytes.fetch_sub(frame.size(), std::memory_order_relaxed);
        if (asked != nullptr) lane.open_requests.fetch_sub(1, std::memory_order_relaxed);
        return;
    }
    for (const auto& peer : peers_) {
        for (const auto& pool : peer->pools()) {
            if (!pool || !pool->is_up() || pool->has_ended() || !to.include(*pool->budget())) continue;
            for (std::uint32_t i = 0; i < pool->budget()->lanes(); ++i) append(*pool, *pool->lanes()[i]);
        }
    }
}

// --- One connection ---

std::error_code Core::accept(const std::shared_ptr<ConnectionState>& state, Acceptance&& acceptance) {
    if (!is_text(acceptance.user) || !is_text(acceptance.subprotocol)) return errc::not_utf8;
    std::vector<protocol::Bytes> groups;
    for (const auto& group : acceptance.groups) {
        if (const auto error = check_name(group)) return error;
        groups.push_back(group);
    }
    if (state->asks && !acceptance.subprotocol.empty() && !state->request.offers(acceptance.subprotocol)) {
        return errc::not_offered;
    }
    protocol::Buffer& frame = begin_frame();
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
    if (!is_on_loop()) return outgoing.submit_accept(state, frame);
    if (const auto error = open_phase(*state)) return error;
    apply_accept(state, frame);
    return {};
}

std::error_code Core::refuse(const std::shared_ptr<ConnectionState>& state, std::uint16_t code,
                             std::string_view reason) {
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

std::error_code Core::close(const std::shared_ptr<ConnectionState>& state, std::uint16_t code,
                            std::string_view reason) {
    if (!protocol::websocket::may_be_sent(code)) return errc::bad_close_code;
    if (const auto error = check_reason(reason)) return error;
    const Phase before = state->phase.exchange(Phase::ended, std::memory_order_acq_rel);
    if (before == Phase::ended) {
        // If its client left while it was paused, nobody wants the messages before its end any more.
        if (state->wants_pause.load(std::memory_order_relaxed))
            end_by_app(state, code, {ClosedBy::app, code, std::string(reason)});
        return errc::closed;
    }
    const std::uint16_t wire_code = before == Phase::asking && state->asks ? 403 : code;
    return end_by_app(state, wire_code, {ClosedBy::app, code, std::string(reason)});
}

std::error_code Core::end_by_app(const std::shared_ptr<ConnectionState>& state, std::uint16_t wire_code,
                                 Disconnect disconnect) {
    protocol::Buffer& frame = begin_frame();
    protocol::append(frame, protocol::Close{state->chan, wire_code, disconnect.reason, protocol::CloseBy::app});
    if (is_on_loop()) {
        apply_close(state, frame, std::move(disconnect));
        return {};
    }
    Call call;
    call.what = Call::What::close;
    call.to.connection = state;
    call.disconnect = std::move(disconnect);
    return outgoing.submit_control(std::move(call), frame);
}

void Core::set_paused(const std::shared_ptr<ConnectionState>& state, bool paused) {
    state->wants_pause.store(paused, std::memory_order_relaxed);
    if (is_on_loop()) {
        take_calls();
        return apply_pause(state);
    }
    if (state->pause_queued.exchange(true, std::memory_order_acq_rel)) return;  // what is under way will see it
    Call call;
    call.what = Call::What::pause;
    call.to.connection = state;
    outgoing.submit_control(std::move(call));
}

void Core::when_writable(std::shared_ptr<ConnectionState> state, WritableCallback callback) {
    if (is_on_loop() && !has_finished_) {
        take_calls();
        return apply_wait(state, std::move(callback));
    }
    Call call;
    call.what = Call::What::wait;
    call.to.connection = std::move(state);
    call.waiter = callback;
    if (const auto error = outgoing.submit_control(std::move(call))) callback(error);
}

// --- Tasks ---

void Core::post(std::function<void()> task) {
    Call call;
    call.what = Call::What::task;
    call.task = std::move(task);
    outgoing.submit_control(std::move(call));
}

void Core::post_after(std::chrono::milliseconds delay, std::function<void()> task) {
    const auto deadline = net::Clock::now() + delay;
    post([this, deadline, task = std::move(task)]() mutable {
        if (has_finished_) return;
        auto delayed = std::make_unique<DelayedTask>(*this, std::move(task));
        loop_->schedule(*delayed, deadline);
        DelayedTask* key = delayed.get();
        delayed_.emplace(key, std::move(delayed));
    });
}

void Core::defer(std::function<void()> task) {
    deferred_.push_back(std::move(task));
    if (std::exchange(deferred_posted_, true)) return;
    loop_->post([this] { run_deferred(); });
}

void Core::run_deferred() {
    deferred_posted_ = false;
    const auto begin = net::Clock::now();
    for (auto& task : std::exchange(deferred_, {})) guarded("a task", task);
    check_time(begin, "the tasks of one turn");
}

// --- From other threads ---

void Core::take_calls() {
    if (is_taking_calls_ || !outgoing.has_pending()) return;
    is_taking_calls_ = true;
    outgoing.take(taken_);
    for (Call& call : taken_.calls) {
        execute(call, std::string_view(taken_.frames).substr(call.frame_begin, call.frame_size));
    }
    taken_.calls.clear();
    taken_.frames.clear();
    constexpr std::size_t kKeep = 1 << 20;
    if (taken_.frames.capacity() > kKeep) taken_ = {};
    is_taking_calls_ = false;
}

void Core::execute(Call& call, std::string_view frame) {
    const auto& connection = call.to.connection;
    switch (call.what) {
        case Call::What::frame: {
            std::vector<AskedLane> asked;
            append_reserved(call.to, frame, call.request != 0 ? &asked : nullptr);
            if (call.request == 0) return;
            if (!asked.empty()) return requests_.add(call.request, std::move(asked), std::move(call.completion));
            // It was never written: the connection has ended, so it is nobody's member. Of a set nobody can say.
            const auto status = connection ? AckStatus::not_found : AckStatus::unknown;
            if (call.completion) defer([completion = std::move(call.completion), status] { completion(status); });
            return;
        }
        case Call::What::accept: return apply_accept(connection, frame);
        case Call::What::close: return apply_close(connection, frame, std::move(call.disconnect));
        case Call::What::pause:
            connection->pause_queued.store(false, std::memory_order_release);
            return apply_pause(connection);
        case Call::What::wait: return apply_wait(connection, std::move(call.waiter));
        case Call::What::task: return defer(std::move(call.task));
    }
}

}  // namespace trunkline
