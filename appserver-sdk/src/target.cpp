#include <trunkline/target.hpp>

#include <utility>

#include "appserver-sdk/src/checks.hpp"
#include "appserver-sdk/src/core/core.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline {
namespace {

using protocol::Bytes;

std::vector<Bytes> views_of(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

/// `NNNN reason`, the way in which close verbs carry a code (SPEC.md "Messages").
std::string reason_with_code(std::uint16_t code, std::string_view reason) {
    std::string text = std::to_string(code);
    if (!reason.empty()) text.append(" ").append(reason);
    return text;
}

std::error_code check_close(std::uint16_t code, std::string_view reason) {
    if (!protocol::websocket::may_be_sent(code)) return errc::bad_close_code;
    return check_reason(reason);
}

/// The proxies that may hold a connection of that id; unknown_connection if it is no id.
Result<Addressees> holders_of(std::string_view id) {
    const auto parsed = protocol::ConnectionId::parse(id);
    if (!parsed) return errc::unknown_connection;
    Addressees to;
    if (parsed->is_located()) to.proxy_epoch_low = parsed->proxy_epoch_low();
    return to;
}

/// Encodes `make(number of the request)` and sends it to every lane of all proxies.
template <class Make>
std::error_code request(Core& core, Addressees to, Completion completion, Make make) {
    protocol::Buffer& frame = core.calls.begin_frame();
    const auto number = core.outgoing.next_request();
    protocol::append(frame, make(number));
    return core.sends.send(std::move(to), frame, number, std::move(completion));
}

template <class Message>
std::error_code post(Core& core, Addressees to, const Message& message) {
    protocol::Buffer& frame = core.calls.begin_frame();
    protocol::append(frame, message);
    return core.sends.send(std::move(to), frame);
}

}  // namespace

std::error_code Target::send(MessageKind kind, std::string_view bytes) const {
    if (set_ == Set::connection) {
        if (auto own = core_->outgoing.find(name_)) return Core::handle(std::move(own)).send(kind, bytes);
    }
    if (kind == MessageKind::text && !is_text(bytes)) return errc::not_utf8;
    if (bytes.size() > protocol::kMaxFrameLength / 2) return errc::too_large;
    const protocol::PayloadMap::Entry entry{kind == MessageKind::text ? "text" : "binary", bytes};
    const protocol::PayloadMap payloads(std::span(&entry, 1));
    const auto except = views_of(except_);
    switch (set_) {
        case Set::connection: {
            const auto to = holders_of(name_);
            if (!to) return to.error();
            const Bytes id = name_;
            return post(*core_, *to, protocol::MultiConnectionData{std::span(&id, 1), payloads});
        }
        case Set::group:
            if (const auto error = check_name(name_)) return error;
            return post(*core_, {}, protocol::GroupBroadcastData{name_, except, payloads});
        case Set::user:
            if (const auto error = check_name(name_)) return error;
            return post(*core_, {}, protocol::UserData{name_, payloads});
        case Set::all: break;
    }
    return post(*core_, {}, protocol::BroadcastData{except, payloads});
}

// --- One connection ---

std::error_code ConnectionTarget::close(std::uint16_t code, std::string_view reason) const {
    if (auto own = core_->outgoing.find(name_)) return Core::handle(std::move(own)).close(code, reason);
    if (const auto error = check_close(code, reason)) return error;
    const auto to = holders_of(name_);
    if (!to) return to.error();
    const std::string text = reason_with_code(code, reason);
    return post(*core_, *to, protocol::CloseConnection{name_, text, {}});
}

std::error_code ConnectionTarget::join(std::string_view group, Completion completion) const {
    if (auto own = core_->outgoing.find(name_)) return Core::handle(std::move(own)).join(group, std::move(completion));
    if (const auto error = check_name(group)) return error;
    const auto to = holders_of(name_);
    if (!to) return to.error();
    if (!completion) return post(*core_, *to, protocol::JoinGroup{name_, group});
    return request(*core_, *to, std::move(completion), [&](std::int32_t id) {
        return protocol::JoinGroupWithAck{name_, group, id};
    });
}

std::error_code ConnectionTarget::leave(std::string_view group, Completion completion) const {
    if (auto own = core_->outgoing.find(name_)) return Core::handle(std::move(own)).leave(group, std::move(completion));
    if (const auto error = check_name(group)) return error;
    const auto to = holders_of(name_);
    if (!to) return to.error();
    if (!completion) return post(*core_, *to, protocol::LeaveGroup{name_, group});
    return request(*core_, *to, std::move(completion), [&](std::int32_t id) {
        return protocol::LeaveGroupWithAck{name_, group, id};
    });
}

std::error_code ConnectionTarget::exists(Completion completion) const {
    auto to = holders_of(name_);
    if (!to) return to.error();
    Addressees addressees = *to;
    if (auto own = core_->outgoing.find(name_); own && !sendable(*own)) addressees = {std::move(own), std::nullopt};
    return request(*core_, std::move(addressees), std::move(completion), [&](std::int32_t id) {
        return protocol::CheckConnectionExistenceWithAck{name_, id};
    });
}

// --- Groups ---

GroupTarget GroupTarget::except(std::vector<std::string> connection_ids) const {
    GroupTarget narrower = *this;
    narrower.except_ = std::move(connection_ids);
    return narrower;
}

std::error_code GroupTarget::close(std::uint16_t code, std::string_view reason, Completion completion) const {
    if (const auto error = check_close(code, reason)) return error;
    if (const auto error = check_name(name_)) return error;
    const std::string text = reason_with_code(code, reason);
    const auto except = views_of(except_);
    return request(*core_, {}, std::move(completion), [&](std::int32_t id) {
        return protocol::CloseGroupConnectionsWithAck{name_, text, id, except};
    });
}

std::error_code GroupTarget::exists(Completion completion) const {
    if (const auto error = check_name(name_)) return error;
    return request(*core_, {}, std::move(completion), [&](std::int32_t id) {
        return protocol::CheckGroupExistenceWithAck{name_, id};
    });
}

// --- Users ---

UserTarget UserTarget::except(std::vector<std::string> connection_ids) const {
    UserTarget narrower = *this;
    narrower.except_ = std::move(connection_ids);
    return narrower;
}

std::error_code UserTarget::close(std::uint16_t code, std::string_view reason, Completion completion) const {
    if (const auto error = check_close(code, reason)) return error;
    if (const auto error = check_name(name_)) return error;
    const std::string text = reason_with_code(code, reason);
    const auto except = views_of(except_);
    return request(*core_, {}, std::move(completion), [&](std::int32_t id) {
        return protocol::CloseUserConnectionsWithAck{name_, text, id, except};
    });
}

std::error_code UserTarget::join(std::string_view group, Completion completion) const {
    if (const auto error = check_name(name_)) return error;
    if (const auto error = check_name(group)) return error;
    if (!completion) return post(*core_, {}, protocol::UserJoinGroup{name_, group});
    return request(*core_, {}, std::move(completion), [&](std::int32_t id) {
        return protocol::UserJoinGroupWithAck{name_, group, id};
    });
}

std::error_code UserTarget::leave(std::string_view group, Completion completion) const {
    if (const auto error = check_name(name_)) return error;
    if (const auto error = check_name(group)) return error;
    if (!completion) return post(*core_, {}, protocol::UserLeaveGroup{name_, group});
    return request(*core_, {}, std::move(completion), [&](std::int32_t id) {
        return protocol::UserLeaveGroupWithAck{name_, group, id};
    });
}

std::error_code UserTarget::leave_all_groups(Completion completion) const {
    if (const auto error = check_name(name_)) return error;
    if (!completion) return post(*core_, {}, protocol::UserLeaveGroup{name_, std::nullopt});
    return request(*core_, {}, std::move(completion), [&](std::int32_t id) {
        return protocol::UserLeaveGroupWithAck{name_, std::nullopt, id};
    });
}

std::error_code UserTarget::exists(Completion completion) const {
    if (const auto error = check_name(name_)) return error;
    return request(*core_, {}, std::move(completion), [&](std::int32_t id) {
        return protocol::CheckUserExistenceWithAck{name_, id};
    });
}

std::error_code UserTarget::is_in_group(std::string_view group, Completion completion) const {
    if (const auto error = check_name(name_)) return error;
    if (const auto error = check_name(group)) return error;
    return request(*core_, {}, std::move(completion), [&](std::int32_t id) {
        return protocol::CheckUserInGroupWithAck{name_, group, id};
    });
}

// --- All ---

AllTarget AllTarget::except(std::vector<std::string> connection_ids) const {
    AllTarget narrower = *this;
    narrower.except_ = std::move(connection_ids);
    return narrower;
}

}  // namespace trunkline
