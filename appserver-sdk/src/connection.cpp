#include <trunkline/connection.hpp>

#include <utility>

#include "appserver-sdk/src/checks.hpp"
#include "appserver-sdk/src/core/core.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline {
namespace {

const std::vector<NameValue> kNone;

}  // namespace

std::string_view Connection::id() const noexcept { return state_ ? state_->request.id : std::string_view{}; }

std::string_view Connection::user() const noexcept {
    if (!state_) return {};
    if (state_->has_accepted_names.load(std::memory_order_acquire) && !state_->accepted_user.empty()) {
        return state_->accepted_user;
    }
    return state_->request.user;
}

std::span<const NameValue> Connection::claims() const noexcept { return state_ ? state_->request.claims : kNone; }

std::string_view Connection::claim(std::string_view name) const noexcept {
    return state_ ? find_value(state_->request.claims, name) : std::string_view{};
}

std::span<const NameValue> Connection::headers() const noexcept { return state_ ? state_->request.headers : kNone; }

std::string_view Connection::header(std::string_view name) const noexcept {
    return state_ ? find_value_ignoring_case(state_->request.headers, name) : std::string_view{};
}

std::string_view Connection::remote_address() const noexcept {
    return state_ ? state_->request.remote_address : std::string_view{};
}

std::string_view Connection::path() const noexcept { return state_ ? state_->request.path : std::string_view{}; }

std::string_view Connection::path_parameter(std::string_view name) const noexcept {
    return state_ ? find_value(state_->request.path_parameters, name) : std::string_view{};
}

std::string_view Connection::query() const noexcept { return state_ ? state_->request.query : std::string_view{}; }

std::string_view Connection::host() const noexcept { return state_ ? state_->request.host : std::string_view{}; }

std::string_view Connection::subprotocol() const noexcept {
    if (!state_) return {};
    if (!state_->asks) return state_->request.subprotocol;
    return state_->has_accepted_names.load(std::memory_order_acquire) ? std::string_view(state_->accepted_subprotocol)
                                                                      : std::string_view{};
}

Opened Connection::opened() const noexcept { return state_ ? state_->request.opened : Opened::fresh; }

std::span<const std::string_view> Connection::groups() const noexcept {
    if (!state_) return {};
    return state_->request.groups;
}

std::string_view Connection::proxy() const noexcept {
    return state_ ? std::string_view(*state_->proxy_id) : std::string_view{};
}

bool Connection::is_open() const noexcept {
    return state_ && state_->phase.load(std::memory_order_relaxed) != Phase::ended;
}

std::error_code Connection::send(std::string_view text) const { return send(MessageKind::text, text); }

std::error_code Connection::send_binary(std::string_view bytes) const { return send(MessageKind::binary, bytes); }

std::error_code Connection::send(MessageKind kind, std::string_view bytes) const {
    if (!state_) return errc::closed;
    // Before it is encoded at all: the frame may not even be encodable.
    if (bytes.size() > state_->budget->max_frame) return errc::too_large;
    if (kind == MessageKind::text && !is_text(bytes)) return errc::not_utf8;
    protocol::Buffer& frame = state_->core->calls.begin_frame();
    const auto wire_kind = kind == MessageKind::text ? protocol::PayloadKind::text : protocol::PayloadKind::binary;
    protocol::append(frame, protocol::Data{state_->chan, wire_kind, bytes, false});
    return state_->core->sends.send({state_, std::nullopt}, frame);
}

std::error_code Connection::close(std::uint16_t code, std::string_view reason) const {
    return state_ ? state_->core->connections.close(state_, code, reason) : errc::closed;
}

std::error_code Connection::join(std::string_view group, Completion completion) const {
    if (!state_) return errc::closed;
    if (const auto error = check_name(group)) return error;
    protocol::Buffer& frame = state_->core->calls.begin_frame();
    if (!completion) {
        protocol::append(frame, protocol::JoinGroup{id(), group});
        return state_->core->sends.send({state_, std::nullopt}, frame);
    }
    const auto request = state_->core->outgoing.next_request();
    protocol::append(frame, protocol::JoinGroupWithAck{id(), group, request});
    return state_->core->sends.send({state_, std::nullopt}, frame, request, std::move(completion));
}

namespace {

std::error_code leave_groups(Core& core, Addressees to, std::string_view id, std::optional<std::string_view> group,
                             Completion completion) {
    protocol::Buffer& frame = core.calls.begin_frame();
    if (!completion) {
        protocol::append(frame, protocol::LeaveGroup{id, group});
        return core.sends.send(std::move(to), frame);
    }
    const auto request = core.outgoing.next_request();
    protocol::append(frame, protocol::LeaveGroupWithAck{id, group, request});
    return core.sends.send(std::move(to), frame, request, std::move(completion));
}

}  // namespace

std::error_code Connection::leave(std::string_view group, Completion completion) const {
    if (!state_) return errc::closed;
    if (const auto error = check_name(group)) return error;
    return leave_groups(*state_->core, {state_, std::nullopt}, id(), group, std::move(completion));
}

std::error_code Connection::leave_all_groups(Completion completion) const {
    if (!state_) return errc::closed;
    return leave_groups(*state_->core, {state_, std::nullopt}, id(), std::nullopt, std::move(completion));
}

void Connection::pause() const {
    if (state_) state_->core->connections.pause(state_);
}

void Connection::resume() const {
    if (state_) state_->core->connections.resume(state_);
}

bool Connection::is_writable() const noexcept {
    return state_ && state_->phase.load(std::memory_order_relaxed) == Phase::open &&
           !state_->backlogged.load(std::memory_order_relaxed) &&
           has_room(state_->lane_budget(), state_->core->limits());
}

void Connection::when_writable(WritableCallback callback) const {
    if (!state_) return callback(errc::closed);
    state_->core->writability.when_writable(state_, std::move(callback));
}

WritableAwaiter Connection::wait_writable() const {
    return WritableAwaiter(
        [connection = *this](WritableCallback callback) { connection.when_writable(std::move(callback)); });
}

std::any& Connection::data() const noexcept {
    static thread_local std::any nowhere;
    if (!state_) nowhere.reset();
    return state_ ? state_->data : nowhere;
}

// --- Answer ---

Answer& Answer::operator=(Answer&& other) noexcept {
    if (this == &other) return *this;
    if (state_) refuse();
    state_ = std::move(other.state_);
    return *this;
}

Answer::~Answer() {
    if (state_) refuse();
}

std::error_code Answer::accept(Acceptance acceptance) {
    if (!state_) return errc::already_answered;
    const auto error = state_->core->connections.accept(state_, std::move(acceptance));
    if (!error || error == errc::closed || error == errc::already_answered) state_.reset();
    return error;
}

std::error_code Answer::refuse(std::uint16_t code, std::string_view reason) {
    if (!state_) return errc::already_answered;
    const auto error = state_->core->connections.refuse(state_, code, reason);
    if (!error || error == errc::closed || error == errc::already_answered) state_.reset();
    return error;
}

}  // namespace trunkline
