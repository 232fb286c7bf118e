#include "net/link/link.hpp"

#include <sys/epoll.h>

#include <array>
#include <boost/asio/error.hpp>

namespace trunkline::net {

using protocol::Buffer;
using protocol::Bytes;
using protocol::Result;

namespace {

constexpr std::size_t kMaxGreeting = 64 << 10;   // a handshake frame is a few hundred bytes
constexpr std::size_t kMaxLingering = 32 << 10;  // more gains nothing by waiting: it fills a write of its own

}  // namespace

protocol::ByeCode bye_code(const boost::system::error_code& error) noexcept {
    using protocol::ByeCode;
    using protocol::errc;
    if (error.category() != protocol::protocol_category()) return ByeCode::link_lost;
    switch (static_cast<errc>(error.value())) {
        case errc::bad_offset:
        case errc::offset_refused:
        case errc::bad_ack: return ByeCode::bad_offset;
        case errc::refused:
        case errc::lane_refused:
        case errc::unknown_pool:
        case errc::bad_key:
        case errc::not_native:
        case errc::version_mismatch: return ByeCode::refused;
        default: return ByeCode::bad_frame;
    }
}

bool is_closed_by_peer(const boost::system::error_code& why) noexcept {
    return why == asio::error::eof || why == asio::error::connection_reset || why == asio::error::broken_pipe;
}

Link::Link(Loop& loop, ByteStream stream, std::unique_ptr<LinkHandshake> handshake, LinkOwner& owner,
           const LinkTimes& times)
    : loop_(loop), stream_(std::move(stream)), owner_(owner), times_(times), handshake_(std::move(handshake)) {}

Link::~Link() { shut(); }

void Link::start() {
    heard_ = loop_.now();
    handshake_->begin(greeting_out_);
    boost::system::error_code ec;
    token_ = loop_.poller().add(stream_.descriptor(), *this, ec);
    // If the poller has no room for it the deadline ends it, so that the owner is never called from in here.
    schedule();
    touch();
}

void Link::on_ready(std::uint32_t events) {
    events = waits_.resolve(events);
    if ((events & EPOLLOUT) && !can_write_) {  // every edge tells it, also while nothing waits for it
        can_write_ = true;
        touch();
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) read((events & ~(EPOLLIN | EPOLLOUT)) != 0);
}

void Link::read(bool to_the_end) {
    // The lane needs every Ack, so reading never stops; but others come first after one block.
    const auto block = loop_.read_block();
    do {
        const auto in = stream_.read_some(block);
        if (in.status == IoResult::Status::would_block) return waits_.reader_blocked(in);
        if (in.status == IoResult::Status::end) return end(asio::error::eof);
        if (in.status == IoResult::Status::failed) return end(in.error);
        if (state_ == State::attached) heard_ = loop_.now();  // the handshake has one deadline for all of it
        if (auto taken = take({block.data(), in.bytes}); !taken) return end(taken.error());
        if (state_ == State::closed) return;
        if (!in.drained && !to_the_end) return loop_.poller().again(token_);
    } while (to_the_end);
}

Result<void> Link::take(Bytes chunk) {
    loop_.touch(*this);  // there may be an Ack to send, and a new deadline
    if (state_ == State::attached) return owner_.on_link_chunk(*this, chunk);
    return greet(chunk);
}

Result<void> Link::greet(Bytes chunk) {
    greeting_in_.append(chunk);
    Buffer in;
    in.swap(greeting_in_);
    Bytes rest = in;
    while (!rest.empty()) {
        TRUNKLINE_TRY(auto length, protocol::read_length(rest, kMaxGreeting));
        if (!length || rest.size() < length->total()) break;
        auto step = handshake_->on_frame(rest.substr(length->prefix, length->body), greeting_out_);
        rest.remove_prefix(length->total());
        if (!step) {
            write_greeting();  // it may say why
            return step.error();
        }
        if (!step.value()) continue;

        const Attachment& attachment = *step.value();
        TRUNKLINE_CHECK(attachment.lane->attach(attachment.peer_received, attachment.peer_limit, loop_.now()));
        lane_ = attachment.lane;
        state_ = State::attached;
        heard_ = loop_.now();
        touch();  // the answer, and what the lane has held
        owner_.on_link_attached(*this);
        if (state_ != State::attached || rest.empty()) return protocol::success();
        return owner_.on_link_chunk(*this, rest);
    }
    greeting_in_.assign(rest);
    return protocol::success();
}

void Link::on_turn_end() {
    if (state_ == State::closed) return;
    if (!lingers()) write();
    if (state_ != State::closed) schedule();
}

void Link::touch_data(std::size_t bytes) {
    if (times_.linger == std::chrono::microseconds::zero()) return touch();
    if (lingering_ == 0) {
        lingers_until_ = loop_.now() + times_.linger;
        // The links of a loop leave together, so that they share its wake-up, and their peers one of theirs.
        if (const auto next = loop_.next_exact()) lingers_until_ = std::min(lingers_until_, *next);
    }
    lingering_ += bytes;
    loop_.touch(*this);
}

/// Whether all there is to write is data that may still wait for more.
bool Link::lingers() {
    if (must_write_ || lingering_ == 0 || lingering_ >= kMaxLingering || lane_ == nullptr) return false;
    const auto now = loop_.now();
    if (now >= lingers_until_ || lane_->is_ack_due(now)) return false;
    if (!lingered_.is_scheduled()) loop_.schedule_exactly(lingered_, lingers_until_);
    return true;
}

void Link::on_lingered(Clock::time_point) { touch(); }

bool Link::write_greeting() {
    while (!greeting_out_.empty()) {
        const std::string_view pieces[] = {greeting_out_};
        const auto out = stream_.write_some(pieces);
        if (out.status != IoResult::Status::ok) {
            if (out.status == IoResult::Status::would_block) wait_for_room(out);
            return false;  // a failed socket is noticed by reading
        }
        greeting_out_.erase(0, out.bytes);
    }
    return true;
}

void Link::write() {
    must_write_ = false;
    lingering_ = 0;
    lingered_.cancel();
    if (!can_write_ || !write_greeting() || lane_ == nullptr) return;
    std::array<Bytes, ByteStream::kMaxPieces> pieces;
    const auto now = loop_.now();
    while (const std::size_t count = lane_->gather(pieces, now)) {
        const auto out = stream_.write_some({pieces.data(), count});
        if (out.status == IoResult::Status::would_block) return wait_for_room(out);
        if (out.status != IoResult::Status::ok) {
            read(true);  // the peer may have said why
            return end(out.error);
        }
        lane_->written(out.bytes);
    }
    must_write_ = lane_->has_unsent();  // it has waited: once the peer's limit allows it, it goes at once
}

/// The edge comes when there is room again.
void Link::wait_for_room(const IoResult& out) {
    can_write_ = false;
    waits_.writer_blocked(out);
}

void Link::schedule() {
    auto when = heard_ + times_.dead_after;
    if (state_ == State::handshake) {
        when = heard_ + times_.handshake;
    } else if (can_write_) {
        // An Ack that cannot be written waits for room, not for time.
        if (const auto ack = lane_->ack_deadline()) when = std::min(when, *ack);
    }
    loop_.schedule_by(deadline_, when);
}

void Link::on_deadline(Clock::time_point now) {
    const auto silence = state_ == State::handshake ? times_.handshake : times_.dead_after;
    if (now - heard_ >= silence) return end(asio::error::timed_out);
    touch();  // an Ack is due, or the deadline has moved
}

void Link::end(const boost::system::error_code& why) {
    if (state_ == State::closed) return;
    shut();
    owner_.on_link_ended(*this, why);
}

void Link::close() {
    if (state_ == State::attached) {
        can_write_ = true;
        const auto now = loop_.now();
        std::array<Bytes, ByteStream::kMaxPieces> pieces;
        if (const std::size_t count = lane_->gather(pieces, now)) {
            const auto out = stream_.write_some({pieces.data(), count});
            if (out.status == IoResult::Status::ok) lane_->written(out.bytes);
        }
    }
    shut();
}

void Link::shut() {
    if (state_ == State::closed) return;
    if (lane_ != nullptr && state_ == State::attached) lane_->detach();
    state_ = State::closed;
    loop_.poller().remove(token_);
    stream_.close();
    deadline_.cancel();
    lingered_.cancel();
}

}  // namespace trunkline::net
