#include "proxy/clients/session.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/attachments/upstream_connections.hpp"
#include "proxy/http/http_answer.hpp"
#include "proxy/log/logging.hpp"

namespace trunkline::proxy {

using net::Clock;
using net::IoResult;
using protocol::Bytes;
using protocol::PayloadKind;
namespace websocket = protocol::websocket;

namespace {

// A client heard so rarely may have had its answers later than the kernel waits with an ACK, 40 ms.
constexpr std::chrono::milliseconds kAnswersLate{20};

/// When a connection that comes now is too old: 10 % earlier or later than `age` by chance, so that those who came
/// together do not leave together. Its id is chance already.
Clock::time_point end_of_age(Clock::time_point now, std::chrono::milliseconds age, const protocol::ConnectionId& id) {
    if (age.count() == 0) return Clock::time_point::max();
    std::uint32_t chance = 0;
    std::memcpy(&chance, id.bytes.data() + 12, sizeof chance);
    return now + age - age / 10 + age / 5 * std::int64_t{chance} / (std::int64_t{1} << 32);
}

CloseReason reason_of(websocket::ReadFailure failure) {
    using enum websocket::ReadFailure;
    switch (failure) {
        case invalid_utf8:
        case invalid_close_reason: return CloseReason::invalid_utf8;
        case message_too_big: return CloseReason::message_too_big;
        case too_many_fragments: return CloseReason::too_many_fragments;
        default: return CloseReason::protocol_error;
    }
}

}  // namespace

/// What the frame reader hands over while one chunk is read.
struct Session::Incoming {
    Session& session;

    void on_message(PayloadKind kind, Bytes payload) { session.on_message(kind, payload); }
    void on_ping(Bytes payload) {
        if (session.state_ != State::open || !session.make_room(payload.size(), Content::own)) return;
        Outbox& out = session.outbox();
        const std::size_t before = out.bytes();
        session.transport_.add_pong(out, payload);
        session.queued(before);
    }
    void on_pong(Bytes) {}  // any byte shows that the client lives
    void on_close(std::uint16_t code, Bytes reason) { session.on_client_close(code, reason); }
    bool stopped() const { return session.state_ == State::closed; }
};

Session::Session(SessionHome& home, UpstreamConnections& upstream, RoutePtr route)
    : home_(home), route_(std::move(route)), attachment_(upstream, *this) {}

Session::~Session() = default;

// --- Begin ---

void Session::start(Upgraded client) {
    transport_ = WebSocketTransport(std::move(client.stream));
    ticket_ = std::move(client.ticket);

    heard_ = last_message_ = since_ = home_.loop.now();
    leaves_at_ = end_of_age(heard_, route_->all_settings.max_connection_age, attachment_.connection_id());
    boost::system::error_code ec;
    token_ = home_.loop.poller().add(transport_.stream().descriptor(), *this, ec);
    if (ec) return close(CloseReason::internal_error);

    if (route_->settings.ask) {
        asking_ = std::make_unique<UpgradeRequest>(std::move(client.request));
    } else {
        state_ = State::open;
        since_ = {};
        answer_upgrade(client.request, client.request.subprotocol);
        enter_directory(std::nullopt);
    }
    wake_by(next_deadline(heard_));
}

void Session::answer_upgrade(const UpgradeRequest& request, Bytes subprotocol) {
    add_control([&](Outbox& out) { out.append(Outbox::Kind::control, switching_protocols(request, subprotocol)); });
}

void Session::enter_directory(std::optional<Bytes> user) {
    if (!attachment_.enter_directory(user)) return close(CloseReason::internal_error);
    if (is_logged(config::LogLevel::debug)) {
        log_debug("connection open",
                  {{"connection", attachment_.connection_id().to_string()}, {"upstream", attachment_.upstream().name}});
    }
}

void Session::on_accept(std::optional<Bytes> user, const std::vector<Bytes>& groups, std::optional<Bytes> subprotocol) {
    if (state_ == State::asking) {
        const auto request = std::move(asking_);
        const auto& offered = request->offered;
        if (subprotocol && std::find(offered.begin(), offered.end(), *subprotocol) == offered.end())
            subprotocol.reset();
        state_ = State::open;
        last_message_ = home_.loop.now();
        since_ = {};
        attachment_.on_accepted(subprotocol);
        answer_upgrade(*request, subprotocol.value_or(Bytes()));
        enter_directory(user);
        wake_by(next_deadline(last_message_));
        attachment_.follow_drain();
    } else if (user && state_ == State::open) {
        attachment_.upstream().directory.set_user(attachment_, user);
    }
    if (state_ != State::open) return;
    for (const Bytes group : groups) attachment_.upstream().directory.join(attachment_, group);
}

// --- From the client ---

void Session::on_ready(std::uint32_t events) {
    if (state_ == State::closed) return;
    events = waits_.resolve(events);
    if (events & EPOLLOUT) {
        can_write_ = true;
        if (outbox_) home_.loop.touch(*this);
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        readable_ = true;
        hung_up_ = hung_up_ || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        if (state_ == State::open && paused_.is_paused()) {
            if (events & (EPOLLHUP | EPOLLERR)) return close(CloseReason::client_reset);
            // The end of the client's stream is behind what nobody reads. If it was closed, and not only shut for
            // sending, what we send now is answered with a reset.
            if ((events & EPOLLRDHUP) && !outbox_) send_ping();
        }
        read();
    }
}

void Session::read() {
    const auto block = home_.loop.read_block();
    while (readable_) {
        if (state_ == State::closed) return;
        if (state_ == State::open) attachment_.look_for_room();
        if (paused_.is_paused() && state_ == State::open) return;

        std::size_t size = block.size();
        if (state_ == State::open) {
            size = std::min(size, std::max(UpstreamConnections::kMinReadBytes, attachment_.room()));
        }
        if (home_.loop.poller().is_behind() && home_.loop.now() - heard_ > kAnswersLate)
            transport_.stream().defer_ack();
        const auto in = transport_.stream().read_some(block.first(size));
        if (in.status == IoResult::Status::would_block) {
            readable_ = false;
            waits_.reader_blocked(in);
            return;
        }
        if (in.status != IoResult::Status::ok) {
            const bool ended = in.status == IoResult::Status::end;
            if (state_ == State::closing) {
                flush();  // it may still read our close frame
                if (state_ != State::closed) finish();
                return;
            }
            close(ended ? CloseReason::client_gone : CloseReason::client_reset);
            return;
        }
        const auto now = home_.loop.now();
        heard_ = now;
        pinged_ = false;
        if (state_ == State::asking) return close(CloseReason::protocol_error);

        Incoming incoming{*this};
        const websocket::ReadLimits limits{route_->settings.max_message_bytes,
                                           static_cast<std::uint32_t>(route_->all_settings.limits.fragments)};
        const auto result = transport_.feed(block.first(in.bytes), limits, incoming);
        if (state_ == State::closed) return;
        if (result.has_failed()) {
            close(reason_of(result.failure), static_cast<std::uint16_t>(websocket::close_code(result.failure)),
                  websocket::describe(result.failure));
        }
        if (state_ == State::open) {
            if (!transport_.has_partial()) {
                since_ = {};
            } else if (since_ == Clock::time_point{}) {
                since_ = now;
                wake_by(now + route_->all_settings.timeouts.message);
            }
        }
        if (!in.drained && !hung_up_) return home_.loop.poller().again(token_);
        if (!hung_up_) readable_ = false;
    }
}

void Session::on_message(PayloadKind kind, Bytes payload) {
    if (state_ != State::open) {
        home_.counters.drops(DropReason::client_closing).add();
        return;
    }
    since_ = {};  // this one is whole; another may have begun behind it
    if (!attachment_.send(kind, payload)) {
        home_.counters.drops(DropReason::too_large).add();
        return close(CloseReason::message_too_big);
    }
    last_message_ = home_.loop.now();
    home_.counters.count_message(Direction::to_app, payload.size());
}

void Session::on_client_close(std::uint16_t code, Bytes reason) {
    if (state_ == State::closing) {
        close_seen_ = true;
        if (!outbox_) finish();
        return;
    }
    close(CloseReason::client_closed, code, reason);
}

void Session::pause(PauseReason reason) { paused_.add(reason); }

void Session::resume(PauseReason reason) {
    if (!paused_.remove(reason)) return;
    heard_ = last_message_ = home_.loop.now();  // its deadlines rested
    if (since_ != Clock::time_point{}) since_ = heard_;
    if (readable_) home_.loop.poller().again(token_);
}

// --- Deadlines ---

void Session::send_ping() {
    add_control([this](Outbox& out) { transport_.add_ping(out); });
}

void Session::wake_by(Clock::time_point when) { home_.loop.schedule_by(*this, when); }

Clock::time_point Session::next_deadline(Clock::time_point now) const {
    const auto& times = route_->all_settings.timeouts;
    auto when = Clock::time_point::max();
    if (outbox_ && !can_write_) when = outbox_->progressed_at() + times.write_progress;
    switch (state_) {
        case State::asking: return std::min(when, since_ + route_->settings.ask_timeout);
        case State::closing: return std::min(when, (outbox_ ? now : since_) + times.close);
        case State::closed: return when;
        case State::open: break;
    }
    when = std::min(when, pinged_ ? heard_ + times.ping + times.pong : heard_ + times.ping);
    if (since_ != Clock::time_point{} && !paused_.is_paused()) when = std::min(when, since_ + times.message);
    if (route_->settings.idle_timeout.count() != 0)
        when = std::min(when, last_message_ + route_->settings.idle_timeout);
    return std::min(when, leaves_at_);
}

void Session::on_deadline(Clock::time_point now) {
    const auto& times = route_->all_settings.timeouts;
    if (outbox_ && !can_write_ && now - outbox_->progressed_at() >= times.write_progress) {
        if (state_ == State::closing) return finish();
        return close(CloseReason::write_stalled);
    }
    if (state_ == State::asking && now - since_ >= route_->settings.ask_timeout) return close(CloseReason::ask_timeout);
    if (state_ == State::closing && !outbox_ && now - since_ >= times.close) return finish();
    if (state_ == State::open) {
        if (now >= leaves_at_) return close(CloseReason::max_connection_age);
        if (paused_.is_paused()) {
            // It is we who do not read: its deadlines rest. A ping still goes out, for whatever stands between.
            if (now - heard_ >= times.ping) send_ping();
            heard_ = last_message_ = now;
        }
        if (since_ != Clock::time_point{} && !paused_.is_paused() && now - since_ >= times.message) {
            return close(CloseReason::message_timeout);
        }
        if (route_->settings.idle_timeout.count() != 0 && now - last_message_ >= route_->settings.idle_timeout) {
            return close(CloseReason::idle_timeout);
        }
        const auto silence = now - heard_;
        if (pinged_ && silence >= times.ping + times.pong) return close(CloseReason::pong_timeout);
        if (silence >= times.ping && !pinged_) {
            pinged_ = true;
            heard_ = now - times.ping;  // if this comes late, because we were held up, the client has its time still
            send_ping();
        }
    }
    wake_by(next_deadline(now));
}

}  // namespace trunkline::proxy
