// What goes to the client: into the outbox while a turn lasts, to the socket once at its end.
#include <array>

#include "proxy/session/session.hpp"
#include "proxy/upstream/lane_pool.hpp"
#include "trunkline/protocol/service/encode.hpp"
#include "trunkline/protocol/websocket/frame_writer.hpp"

namespace trunkline::proxy {

using net::Clock;
using net::IoResult;
using protocol::Bytes;
using protocol::PayloadKind;
namespace websocket = protocol::websocket;

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
    close(CloseReason::outbox_full);
    return false;
}

void Session::queued(std::size_t before) {
    const std::size_t bytes = outbox_->bytes();
    home_.counters.outbox_bytes.add(static_cast<std::int64_t>(bytes - before));
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
    if (!make_room(payload.size())) return home_.counters.drops(DropReason::outbox_discarded).add();
    char header[websocket::kMaxServerHeader];
    const auto opcode = kind == PayloadKind::text ? websocket::Opcode::text : websocket::Opcode::binary;
    const std::size_t n = websocket::write_header(header, opcode, payload.size());
    Outbox& out = outbox();
    const std::size_t before = out.bytes();
    out.append({header, n}, payload);
    home_.counters.count_message(Direction::to_client, payload.size());
    last_message_ = home_.loop.now();
    queued(before);
}

void Session::deliver(const net::SharedBytes& frame, std::size_t payload_bytes) {
    if (state_ != State::open) {
        home_.counters.drops(DropReason::client_closing).add();
        return;
    }
    if (!make_room(frame.size())) return home_.counters.drops(DropReason::outbox_discarded).add();
    Outbox& out = outbox();
    const std::size_t before = out.bytes();
    out.append(frame);
    home_.counters.count_message(Direction::to_client, payload_bytes);
    last_message_ = home_.loop.now();
    queued(before);
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
        wait_for_lane();
    }
}

}  // namespace trunkline::proxy
