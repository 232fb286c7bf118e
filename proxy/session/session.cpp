#include "proxy/session/session.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "proxy/log/logging.hpp"
#include "proxy/listener/http_answer.hpp"
#include "proxy/listener/upgrade_sink.hpp"
#include "proxy/upstream/lane_pool.hpp"
#include "proxy/upstream/upstream.hpp"
#include "trunkline/protocol/service/encode.hpp"
#include "trunkline/protocol/websocket/frame_writer.hpp"

namespace trunkline::proxy {

using net::Clock;
using net::IoResult;
using protocol::Bytes;
using protocol::PayloadKind;
namespace websocket = protocol::websocket;

namespace {

// A client's bytes are read only as far as its lane has room, but never in smaller pieces than this: the ring may
// overshoot by so much per client that was being read when it filled.
constexpr std::size_t kMinReadBytes = 16 << 10;

// What the kernel may hold unsent beyond the outbox: enough to keep a socket busy, little enough to notice a slow one.
constexpr int kUnsentInKernelBytes = 64 << 10;

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

/// The same for a connection that never opened.
RefuseReason refuse_reason(CloseReason why) {
    switch (why) {
        case CloseReason::refused_by_app: return RefuseReason::refused_by_app;
        case CloseReason::ask_timeout: return RefuseReason::ask_timeout;
        case CloseReason::app_server_lost:
        case CloseReason::app_server_stopping: return RefuseReason::app_server_lost;
        case CloseReason::no_app_server: return RefuseReason::no_app_server;
        case CloseReason::draining: return RefuseReason::draining;
        case CloseReason::client_gone:
        case CloseReason::client_reset: return RefuseReason::client_gone;
        case CloseReason::protocol_error: return RefuseReason::bad_request;
        default: return RefuseReason::internal_error;
    }
}

constexpr unsigned kRetryAfterSeconds = 1;

}  // namespace

/// What the frame reader hands over while one chunk is read.
struct Session::Incoming {
    Session& session;

    void on_message(PayloadKind kind, Bytes payload) { session.on_message(kind, payload); }
    void on_ping(Bytes payload) {
        if (session.state_ != State::open || !session.make_room(payload.size())) return;
        Outbox& out = session.outbox();
        const std::size_t before = out.bytes();
        char header[websocket::kMaxServerHeader];
        const std::size_t n = websocket::write_header(header, websocket::Opcode::pong, payload.size());
        out.append({header, n}, payload);
        session.queued(before, 0);
    }
    void on_pong(Bytes) {}  // any byte shows that the client lives
    void on_close(std::uint16_t code, Bytes reason) { session.on_client_close(code, reason); }
    bool stopped() const { return session.state_ == State::closed; }
};

/// What only the time between Open and Accept needs.
struct Session::Asking {
    UpgradeRequest request;
    Opened opened;
};

Session::Session(SessionHome& home, Upstream& upstream, const config::RouteSettings& route)
    : home_(home), upstream_(upstream), route_(route) {}

Session::~Session() = default;

// --- Begin ---

void Session::start(Upgraded client, const Opened& opened) {
    stream_ = net::ByteStream(client.fd.release());
    ticket_ = std::move(client.ticket);
    binding_ = opened.binding;
    const int on = 1;
    ::setsockopt(stream_.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(stream_.descriptor(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentInKernelBytes,
                 sizeof kUnsentInKernelBytes);

    heard_ = last_message_ = since_ = progress_ = home_.loop.now();
    boost::system::error_code ec;
    token_ = home_.loop.poller().add(stream_.descriptor(), *this, ec);
    if (ec) return close(CloseReason::internal_error);

    if (route_.ask) {
        asking_ = std::make_unique<Asking>(Asking{std::move(client.request), opened});
    } else {
        state_ = State::open;
        since_ = {};
        answer_upgrade(client.request, client.request.subprotocol);
        enter_directory(opened, std::nullopt);
    }
    wake_by(next_deadline(heard_));
}

void Session::answer_upgrade(const UpgradeRequest& request, Bytes subprotocol) {
    outbox().append_answer(switching_protocols(request, subprotocol));
    home_.counters.outbox_bytes.add(static_cast<std::int64_t>(outbox_->bytes()));
    home_.loop.touch(*this);
}

void Session::enter_directory(const Opened& opened, std::optional<Bytes> user) {
    if (!upstream_.directory().add(*this, opened.id, opened.key, user)) return close(CloseReason::internal_error);
    upstream_.counters().opens.add();
    upstream_.counters().connections.add(1);
    log_debug("connection open", {{"connection", opened.id.to_string()}, {"upstream", upstream_.name()}});
}

void Session::on_accept(std::optional<Bytes> user, const std::vector<Bytes>& groups, std::optional<Bytes> subprotocol) {
    if (state_ == State::asking) {
        const auto asking = std::move(asking_);
        const auto& offered = asking->request.offered;
        const bool fits = subprotocol && std::find(offered.begin(), offered.end(), *subprotocol) != offered.end();
        state_ = State::open;
        last_message_ = home_.loop.now();
        since_ = {};
        answer_upgrade(asking->request, fits ? *subprotocol : Bytes());
        enter_directory(asking->opened, user);
        wake_by(next_deadline(last_message_));
    } else if (user && state_ == State::open) {
        upstream_.directory().set_user(*this, user);
    }
    if (state_ != State::open) return;
    for (const Bytes group : groups) upstream_.directory().join(*this, group);
}

// --- From the client ---

void Session::on_ready(std::uint32_t events) {
    if (state_ == State::closed) return;
    if (events & EPOLLOUT) {
        can_write_ = true;
        if (outbox_) home_.loop.touch(*this);
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        readable_ = true;
        hung_up_ = hung_up_ || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        if (paused_.is_paused() && (events & (EPOLLHUP | EPOLLERR))) return close(CloseReason::client_reset);
        read();
    }
}

void Session::read() {
    const auto block = home_.loop.read_block();
    while (readable_) {
        if (state_ == State::closed) return;
        if (state_ == State::open && binding_.lane->is_blocked()) {
            binding_.lane->wait(*this);
            pause(PauseReason::lane_full);
        }
        if (paused_.is_paused() && state_ == State::open) return;

        std::size_t size = block.size();
        if (state_ == State::open) size = std::min(size, std::max(kMinReadBytes, binding_.lane->room()));
        const auto in = stream_.read_some(block.first(size));
        if (in.status == IoResult::Status::would_block) {
            readable_ = false;
            return;
        }
        if (in.status != IoResult::Status::ok) {
            const bool ended = in.status == IoResult::Status::end;
            if (state_ == State::closing) return finish();
            close(ended ? CloseReason::client_gone : CloseReason::client_reset);
            return;
        }
        const auto now = home_.loop.now();
        heard_ = now;
        pinged_ = false;
        if (state_ == State::asking) return close(CloseReason::protocol_error);

        Incoming incoming{*this};
        const websocket::ReadLimits limits{route_.max_message_bytes,
                                           static_cast<std::uint32_t>(home_.settings.limits.fragments)};
        const auto result = reader_.feed(block.first(in.bytes), limits, incoming);
        if (state_ == State::closed) return;
        if (result.has_failed()) {
            close(reason_of(result.failure), static_cast<std::uint16_t>(websocket::close_code(result.failure)),
                  websocket::describe(result.failure));
        }
        if (state_ == State::open) {
            if (!reader_.has_partial()) {
                since_ = {};
            } else if (since_ == Clock::time_point{}) {
                since_ = now;
                wake_by(now + home_.settings.timeouts.message);
            }
        }
        if (in.bytes == size && !hung_up_) return home_.loop.poller().again(token_);
        if (in.bytes < size && !hung_up_) readable_ = false;
    }
}

void Session::on_message(PayloadKind kind, Bytes payload) {
    if (state_ != State::open) {
        home_.counters.drops(DropReason::client_closing).add();
        return;
    }
    last_message_ = home_.loop.now();
    home_.counters.count_message(Direction::to_app, payload.size());
    binding_.lane->send_data(binding_.chan, kind, payload);
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

void Session::go_on(PauseReason reason) {
    if (!paused_.remove(reason)) return;
    heard_ = last_message_ = home_.loop.now();  // its deadlines rested
    if (readable_) home_.loop.poller().again(token_);
}

void Session::on_app_pause(bool on) {
    if (state_ != State::open) return;
    if (on) {
        pause(PauseReason::app);
    } else {
        go_on(PauseReason::app);
    }
}

void Session::on_lane_room() {
    if (close_untold_) {
        tell_app_closed({});
        if (!close_untold_ && state_ == State::closed) leave_table();
        return;
    }
    if (state_ != State::open) return;
    if (backlog_ != backlog_told_) tell_backlog();
    go_on(PauseReason::lane_full);
}

// --- To the client ---

Outbox& Session::outbox() {
    if (!outbox_) {
        outbox_ = home_.outboxes.take();
        progress_ = home_.loop.now();
    }
    return *outbox_;
}

bool Session::make_room(std::size_t bytes) {
    const std::size_t limit = home_.settings.limits.outbox_bytes;
    if (!outbox_ || outbox_->bytes() + bytes <= limit) return true;
    flush();  // much may have come in this turn for a client that keeps up
    if (state_ != State::open) return false;
    if (!outbox_ || outbox_->bytes() + bytes <= limit) return true;
    home_.counters.drops(DropReason::outbox_discarded).add();  // this one; what waits is counted when it goes
    close(CloseReason::outbox_full);
    return false;
}

void Session::queued(std::size_t before, std::size_t payload_bytes) {
    const std::size_t bytes = outbox_->bytes();
    home_.counters.outbox_bytes.add(static_cast<std::int64_t>(bytes - before));
    if (payload_bytes != 0 || before != bytes) last_message_ = home_.loop.now();
    const bool over = bytes > home_.settings.limits.outbox_bytes / 4;
    if (over && !backlog_) {
        flush();
        if (state_ != State::open) return;
        if (outbox_ && outbox_->bytes() > home_.settings.limits.outbox_bytes / 4 && !backlog_) {
            backlog_ = true;
            tell_backlog();
        }
    }
    home_.loop.touch(*this);
}

void Session::deliver(PayloadKind kind, Bytes payload) {
    if (state_ != State::open) {
        home_.counters.drops(DropReason::client_closing).add();
        return;
    }
    if (!make_room(payload.size())) return;
    char header[websocket::kMaxServerHeader];
    const auto opcode = kind == PayloadKind::text ? websocket::Opcode::text : websocket::Opcode::binary;
    const std::size_t n = websocket::write_header(header, opcode, payload.size());
    Outbox& out = outbox();
    const std::size_t before = out.bytes();
    out.append({header, n}, payload);
    home_.counters.count_message(Direction::to_client, payload.size());
    queued(before, payload.size());
}

void Session::deliver(const net::SharedBytes& frame, std::size_t payload_bytes) {
    if (state_ != State::open) {
        home_.counters.drops(DropReason::client_closing).add();
        return;
    }
    if (!make_room(frame.size())) return;
    Outbox& out = outbox();
    const std::size_t before = out.bytes();
    out.append(frame);
    home_.counters.count_message(Direction::to_client, payload_bytes);
    queued(before, payload_bytes);
}

void Session::on_turn_end() {
    if (state_ == State::closed) return;
    flush();
}

void Session::flush() {
    if (outbox_ && can_write_) {
        const std::size_t before = outbox_->bytes();
        std::array<Bytes, net::ByteStream::kMaxPieces> pieces;
        while (const std::size_t count = outbox_->gather(pieces)) {
            const auto out = stream_.write_some({pieces.data(), count});
            if (out.status == IoResult::Status::failed) {
                home_.counters.outbox_bytes.add(-static_cast<std::int64_t>(before - outbox_->bytes()));
                if (state_ == State::closing) return finish();
                return close(CloseReason::client_reset);
            }
            if (out.status == IoResult::Status::would_block) {
                can_write_ = false;
                wake_by(progress_ + home_.settings.timeouts.write_progress);
                break;
            }
            outbox_->written(out.bytes);
            progress_ = home_.loop.now();
        }
        home_.counters.outbox_bytes.add(-static_cast<std::int64_t>(before - outbox_->bytes()));
        if (outbox_->empty()) home_.outboxes.give_back(std::move(outbox_));
    }
    if (backlog_ && (!outbox_ || outbox_->bytes() < home_.settings.limits.outbox_bytes / 8)) {
        backlog_ = false;
        tell_backlog();
    }
    if (state_ == State::closing && !outbox_) {
        if (close_seen_) return finish();
        if (since_ == Clock::time_point{}) {  // the close frame is out: the client has so long to answer
            since_ = home_.loop.now();
            wake_by(since_ + home_.settings.timeouts.close);
        }
    }
}

void Session::tell_backlog() {
    if (state_ != State::open || backlog_ == backlog_told_) return;
    protocol::Buffer frame;
    append(frame, protocol::Backlog{binding_.chan, backlog_});
    if (binding_.lane->send_control(frame)) {
        backlog_told_ = backlog_;
    } else {
        binding_.lane->wait(*this);
    }
}

// --- Ends ---

void Session::on_app_close(std::uint16_t code, Bytes reason) {
    if (state_ == State::asking) {
        close(CloseReason::refused_by_app, code >= 400 && code <= 499 ? code : std::uint16_t{403}, reason);
    } else {
        close(CloseReason::app_closed, websocket::may_be_sent(code) ? code : std::uint16_t{1000}, reason);
    }
}

void Session::on_pool_ended(CloseReason why) {
    binding_ = {};  // nobody is left to be told
    close_untold_ = false;
    if (state_ == State::closed) return leave_table();  // it was here only to tell the app
    close(why);
}

void Session::close(CloseReason why, std::uint16_t code, Bytes text) {
    if (state_ == State::closing || state_ == State::closed) return;
    const CloseReasonInfo& info = describe(why);
    if (code == 0) code = info.code;
    if (text.empty() && why != CloseReason::client_closed && why != CloseReason::app_closed) text = info.text;

    why_ = why;
    close_code_ = code;
    if (is_in_directory()) {
        upstream_.directory().remove(*this);
        upstream_.counters().connections.add(-1);
        home_.counters.closes(why).add();
        log_debug("connection closed", {{"connection", connection_id().to_string()},
                                        {"upstream", upstream_.name()},
                                        {"by", to_string(info.by)},
                                        {"reason", info.label},
                                        {"code", code}});
    } else {
        home_.counters.refused(refuse_reason(why)).add();
    }

    const bool was_asking = state_ == State::asking;
    state_ = State::closing;
    since_ = {};
    if (info.by != ClosedBy::app) tell_app_closed(text);
    if (!close_untold_ && binding_.lane != nullptr) binding_.lane->forget(binding_.chan);
    if (was_asking) {
        const unsigned status = why == CloseReason::refused_by_app ? code : why == CloseReason::protocol_error ? 400u : 503u;
        asking_.reset();
        close_seen_ = true;
        if (why == CloseReason::client_gone || why == CloseReason::client_reset) return finish();
        const Refusal refusal =
            status == 503 ? unavailable(refuse_reason(why), std::string(text), kRetryAfterSeconds)
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
    if (binding_.lane == nullptr) return;
    protocol::Buffer frame;
    const auto by = static_cast<protocol::CloseBy>(describe(why_).by);
    append(frame, protocol::Close{binding_.chan, close_code_, reason, by});
    close_untold_ = !binding_.lane->send_control(frame);
    if (close_untold_) {
        binding_.lane->wait(*this);
    } else {
        binding_.lane->forget(binding_.chan);
    }
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
    if (readable_ && paused_.is_paused()) home_.loop.poller().again(token_);  // its answer may be behind what was not read
    home_.loop.touch(*this);
}

/// The socket goes now; the session stays until the app was told.
void Session::finish() {
    if (outbox_) {
        home_.counters.outbox_bytes.add(-static_cast<std::int64_t>(outbox_->bytes()));
        home_.counters.drops(DropReason::outbox_discarded).add(outbox_->frames());
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
    if (binding_.lane != nullptr) binding_.lane->stop_waiting(*this);
    binding_.lane = nullptr;
    home_.loop.bury(home_.sessions.remove(*this));
}

// --- Deadlines ---

void Session::wake_by(Clock::time_point when) {
    if (deadline_.is_scheduled() && wake_ <= when) return;  // wakes earlier and looks again
    wake_ = when;
    home_.loop.schedule(deadline_, when);
}

Clock::time_point Session::next_deadline(Clock::time_point now) const {
    const auto& times = home_.settings.timeouts;
    auto when = Clock::time_point::max();
    if (outbox_ && !can_write_) when = progress_ + times.write_progress;
    switch (state_) {
        case State::asking: return std::min(when, since_ + route_.ask_timeout);
        case State::closing: return std::min(when, (outbox_ ? now : since_) + times.close);
        case State::closed: return when;
        case State::open: break;
    }
    when = std::min(when, pinged_ ? heard_ + times.ping + times.pong : heard_ + times.ping);
    if (since_ != Clock::time_point{}) when = std::min(when, since_ + times.message);
    if (route_.idle_timeout.count() != 0) when = std::min(when, last_message_ + route_.idle_timeout);
    return when;
}

void Session::on_deadline(Clock::time_point now) {
    const auto& times = home_.settings.timeouts;
    if (outbox_ && !can_write_ && now - progress_ >= times.write_progress) {
        if (state_ == State::closing) return finish();
        return close(CloseReason::write_stalled);
    }
    if (state_ == State::asking && now - since_ >= route_.ask_timeout) return close(CloseReason::ask_timeout);
    if (state_ == State::closing && !outbox_ && now - since_ >= times.close) return finish();
    if (state_ == State::open) {
        if (paused_.is_paused()) heard_ = last_message_ = now;  // it is we who do not read: its deadlines rest
        if (since_ != Clock::time_point{} && !paused_.is_paused() && now - since_ >= times.message) {
            return close(CloseReason::message_timeout);
        }
        if (route_.idle_timeout.count() != 0 && now - last_message_ >= route_.idle_timeout) {
            return close(CloseReason::idle_timeout);
        }
        const auto silence = now - heard_;
        if (silence >= times.ping + times.pong) return close(CloseReason::pong_timeout);
        if (silence >= times.ping && !pinged_) {
            pinged_ = true;
            protocol::Buffer frame;
            websocket::append_ping(frame, {});
            Outbox& out = outbox();
            out.append(frame, {});
            home_.counters.outbox_bytes.add(static_cast<std::int64_t>(frame.size()));
            home_.loop.touch(*this);
        }
    }
    wake_by(next_deadline(now));
}

// --- SessionTable ---

Session& SessionTable::add(std::unique_ptr<Session> session) {
    session->table_index_ = static_cast<std::uint32_t>(sessions_.size());
    sessions_.push_back(std::move(session));
    return *sessions_.back();
}

std::unique_ptr<Session> SessionTable::remove(Session& session) {
    const auto index = session.table_index_;
    auto out = std::move(sessions_[index]);
    if (index + 1 != sessions_.size()) {
        sessions_[index] = std::move(sessions_.back());
        sessions_[index]->table_index_ = index;
    }
    sessions_.pop_back();
    return out;
}

}  // namespace trunkline::proxy
