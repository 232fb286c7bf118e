#include "proxy/attachments/attachment.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "proxy/attachments/held_connections.hpp"
#include "proxy/attachments/upstream_connections.hpp"

namespace trunkline::proxy {

using protocol::Bytes;

namespace {

// What a message costs of its client's share of a port, beside its bytes: many small ones keep an app server busy for
// longer than few large ones.
constexpr std::size_t kMessageCost = 64;

}  // namespace

Attachment::~Attachment() = default;

void Attachment::enter(State next) {
    assert(may_follow(state_, next));
    state_ = next;
}

// --- Begin ---

void Attachment::on_opened(AppPort& port, protocol::Chan chan, const protocol::ConnectionId& id, std::uint8_t key,
                           OpenRecord&& record, Asks asks) {
    port_ = &port;
    chan_ = chan;
    set_identity(id, key);
    record_ = std::move(record);
    enter(asks == Asks::yes ? State::asking : State::open);
}

void Attachment::on_accepted(std::optional<Bytes> subprotocol) {
    enter(State::open);
    if (record_ && subprotocol) record_.set_subprotocol(*subprotocol);
}

void Attachment::follow_drain() {
    if (port_ != nullptr && port_->is_draining()) move();
}

bool Attachment::enter_directory(std::optional<Bytes> user) {
    if (!upstream_.directory.add(*this, connection_id(), key(), user)) return false;
    upstream_.counters.opens.add();
    upstream_.counters.connections.add(1);
    return true;
}

void Attachment::leave_directory() {
    if (!is_in_directory()) return;
    upstream_.directory.remove(*this);
    upstream_.counters.connections.add(-1);
}

// --- From the client ---

void Attachment::look_for_room() {
    if (state_ == State::held) {
        if (held_->is_full()) client_.pause(PauseReason::held);
    } else if (port_->is_blocked()) {
        wait_for_room();
        client_.pause(PauseReason::port_full);
    }
}

std::size_t Attachment::room() const noexcept {
    if (state_ == State::held) return 0;
    return std::min(static_cast<std::size_t>(port_->room()), share_left());
}

bool Attachment::send(protocol::PayloadKind kind, Bytes payload) {
    if (state_ == State::held) {
        held_->add(kind, payload);
        return true;
    }
    if (payload.size() > port_->max_payload()) return false;
    port_->data(chan_, kind, payload);
    count_share(payload.size());
    return true;
}

void Attachment::set_backlog(Backlog backlog) {
    backlog_ = backlog == Backlog::on;
    tell_backlog();
}

void Attachment::tell_backlog() {
    if (state_ != State::open || backlog_ == backlog_told_) return;
    if (port_->try_backlog(chan_, backlog_ ? Backlog::on : Backlog::off)) {
        backlog_told_ = backlog_;
    } else {
        wait_for_room();
    }
}

// --- Its share of the port ---
//
// A port is one queue. A client that sends faster than the app handles would fill it, and all others there would wait
// behind its messages; so no more than a share of it is one client's.

void Attachment::count_share(std::size_t payload_bytes) {
    const auto cost = static_cast<std::uint32_t>(payload_bytes + kMessageCost);
    if (port_->handled() >= share_mark_) {
        share_before_ = share_after_ + cost;
        share_after_ = 0;
        share_mark_ = port_->sent();
    } else {
        share_after_ += cost;
    }
    if (share_left() > 0) return;
    wait_for_acknowledgement();
    client_.pause(PauseReason::share);
}

void Attachment::renew_share() {
    if (port_->handled() >= port_->sent()) {
        share_before_ = share_after_ = 0;
    } else if (port_->handled() >= share_mark_) {
        share_before_ = std::exchange(share_after_, 0);
        share_mark_ = port_->sent();  // not handled yet, so another acknowledgement will come
    }
    if (share_left() > 0) return client_.resume(PauseReason::share);
    wait_for_acknowledgement();
}

std::size_t Attachment::share_left() const noexcept {
    const std::size_t used = std::size_t{share_before_} + share_after_;
    const std::size_t share = upstream_.share_bytes();
    return used < share ? share - used : 0;
}

void Attachment::reset_share() noexcept {
    share_before_ = share_after_ = 0;
    share_mark_ = 0;
}

// --- Waiting at the port: for room, or else for an acknowledgement ---

void Attachment::wait_for_room() {
    if (waits_for_room_) return;
    stop_waiting();  // for an acknowledgement: the share is looked at again when there is room
    waits_for_room_ = true;
    port_->wait_for_room(*this);
}

void Attachment::wait_for_acknowledgement() {
    if (!PortWaiter::is_linked()) port_->wait_for_acknowledgement(*this);
}

void Attachment::stop_waiting() {
    PortWaiter::unlink();
    waits_for_room_ = false;
}

void Attachment::on_room() {
    waits_for_room_ = false;
    switch (state_) {
        case State::closing: return tell_end();
        case State::leaving: return send_detach();
        case State::open:
            tell_backlog();
            client_.resume(PauseReason::port_full);
            if (state_ == State::open && share_left() == 0) renew_share();
            return;
        default: return;
    }
}

void Attachment::on_acknowledged() {
    if (state_ == State::open) renew_share();
}

void Attachment::on_resized(AppPort& port) {
    const bool waited_for_room = waits_for_room_;
    stop_waiting();
    port_ = &port;
    reset_share();
    client_.resume(PauseReason::share);
    if (waited_for_room) on_room();
}

void Attachment::on_app_pause(bool on) {
    if (state_ != State::open && state_ != State::leaving && state_ != State::moving) return;
    if (on) {
        client_.pause(PauseReason::app);
    } else {
        client_.resume(PauseReason::app);
    }
}

// --- To another app server ---

void Attachment::move() {
    if (state_ != State::open) return;
    if (!record_) return client_.close_for(CloseReason::app_server_stopping);
    enter(State::leaving);
    client_.pause(PauseReason::moving);
    send_detach();
}

void Attachment::send_detach() {
    if (!port_->try_detach(chan_)) return wait_for_room();
    enter(State::moving);
}

bool Attachment::is_told_to_move() const noexcept {
    return state_ != State::asking && state_ != State::open && state_ != State::leaving;
}

void Attachment::on_detached() {
    if (state_ != State::moving) return;
    leave_port();
    hold(upstream_.held.move(*this));
}

void Attachment::on_pool_ended(const LostPool& pool, CloseReason why, Clients clients) {
    stop_waiting();
    port_ = nullptr;  // goes with its pool
    const auto chan = std::exchange(chan_, {});
    if (state_ == State::closing) {
        if (clients == Clients::hold && departed_->record) {
            departed_->chan = chan;
            upstream_.held.take(std::move(*departed_), pool);
        }
        departed_.reset();
        enter(State::ended);
        return client_.on_app_told();
    }
    if (clients == Clients::hold && record_ && state_ != State::asking) {
        return hold(upstream_.held.take(*this, chan, pool));
    }
    client_.close_for(why);
}

/// It has no app server from here on. What the one before had asked for, or was the reason of, ends with it.
void Attachment::hold(HeldConnection& held) {
    enter(State::held);
    held_ = &held;
    backlog_told_ = false;
    reset_share();
    for (const auto reason : {PauseReason::port_full, PauseReason::share, PauseReason::app, PauseReason::moving}) {
        client_.resume(reason);
    }
}

void Attachment::on_placed(AppPort& port, protocol::Chan chan) {
    held_ = nullptr;
    port_ = &port;
    chan_ = chan;
    enter(State::open);
    tell_backlog();
    client_.resume(PauseReason::held);
}

void Attachment::give_up(CloseReason why) {
    held_ = nullptr;
    client_.close_for(why);
}

// --- End ---

void Attachment::end(const ConnectionEnd& end) {
    auto departed = depart(end);
    leave_directory();
    switch (state_) {
        case State::asking:
        case State::open:
        case State::leaving:
            if (port_ == nullptr) break;
            if (!port_->try_close(chan_, end)) {
                departed_ = std::make_unique<Departed>(std::move(departed));
                enter(State::closing);
                return wait_for_room();
            }
            keep(std::move(departed));
            break;
        case State::moving:
            // Detach was the last that was sent: what stands before it may still have to be handed on.
            if (port_ != nullptr) keep(std::move(departed));
            break;
        case State::held:
            if (held_ != nullptr) upstream_.held.leave(*std::exchange(held_, nullptr), std::move(departed));
            break;
        case State::unopened:
        case State::closing:
        case State::ended: assert(false && "it has ended, or has not begun"); return;
    }
    leave_port();
    enter(State::ended);
}

/// There is room for the Close that there was none for before. It has no reason: that was nowhere kept.
void Attachment::tell_end() {
    if (!port_->try_close(chan_, {departed_->code, departed_->by, {}})) return wait_for_room();
    keep(std::move(*departed_));
    departed_.reset();
    leave_port();
    enter(State::ended);
    client_.on_app_told();
}

void Attachment::keep(Departed&& departed) {
    if (departed.record) port_->keep(std::move(departed));
}

void Attachment::end_by_app() {
    leave_directory();
    leave_port();
    enter(State::ended);
}

void Attachment::leave_port() {
    if (port_ == nullptr) return;
    stop_waiting();
    port_->forget(chan_);
    port_ = nullptr;
    chan_ = {};
}

Departed Attachment::depart(const ConnectionEnd& end) {
    Departed departed;
    departed.id = connection_id();
    departed.key = key();
    departed.record = std::move(record_);
    departed.code = end.code;
    departed.by = end.by;
    departed.chan = chan_;
    if (!departed.record) return departed;  // nobody opens it again
    const Directory& directory = upstream_.directory;
    if (const auto user = directory.user_of(*this)) departed.user = *user;
    directory.for_each_group_of(*this, [&](Bytes group) { departed.groups.emplace_back(group); });
    return departed;
}

}  // namespace trunkline::proxy
