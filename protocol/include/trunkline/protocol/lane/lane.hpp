#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/errc.hpp"
#include "trunkline/protocol/lane/ring.hpp"
#include "trunkline/protocol/limits.hpp"
#include "trunkline/protocol/service/extension.hpp"
#include "trunkline/protocol/service/framing.hpp"
#include "trunkline/protocol/try.hpp"

namespace trunkline::protocol {

using TimePoint = std::chrono::steady_clock::time_point;

struct LaneSettings {
    std::uint64_t window_bytes = kDefaultWindow;     ///< received but not handled
    std::uint64_t ring_bytes = kDefaultRing;         ///< sent but not handled by the peer
    std::uint64_t reserve_bytes = kReserve;          ///< for control frames beyond a full ring
    std::size_t max_frame_bytes = kDefaultMaxFrame;  ///< largest frame taken from the peer
    std::chrono::milliseconds ack_delay{50};         ///< an Ack at the latest so long after something was handled
    std::chrono::milliseconds keep_alive{5'000};     ///< an Ack at least so often
};

/// What a handler says of a sequenced frame: its effect is done, or it cannot be taken now and is to be offered again
/// by `Lane::resume` (the frames behind it wait too).
enum class Handled : bool { later, done };

/// One lane: an ordered stream of frames in each direction between a proxy epoch and an app-server epoch, which
/// outlives the socket that carries it (SPEC.md "Lanes"). Pure: bytes in, bytes out, time passed in.
///
///  - out: `append` puts whole sequenced frames into the ring; `gather` and `written` hand them to a transport, none
///    before the peer's limit allows it, unsequenced frames between them.
///  - in: `receive` takes the chunks of a transport, cut anywhere, and calls a handler frame by frame. It always takes
///    all of a chunk: nobody stops reading a link (SPEC.md "Limits").
///
/// Owned by its pool, used on the pool's loop.
class Lane {
  public:
    enum class Side : unsigned char { proxy, app };

    Lane(Side side, const LaneSettings& settings) : side_(side), settings_(settings) {}
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    // --- Out ---

    /// Whether the ring takes a data frame: it does while it holds less than its size.
    bool has_room() const noexcept { return ring_.size() < settings_.ring_bytes; }
    /// Whether a control frame of `bytes` fits the reserve, which begins where the ring is full or, if the last data
    /// frame went beyond that, behind it. `kept` bytes of it are left for others.
    bool has_reserve(std::size_t bytes, std::size_t kept = 0) const noexcept {
        return ring_.end() + bytes + kept <=
               std::max(ring_.begin() + settings_.ring_bytes, data_end_) + settings_.reserve_bytes;
    }
    /// Bytes that the ring takes before it is full; 0 when it is.
    std::uint64_t room() const noexcept { return has_room() ? settings_.ring_bytes - ring_.size() : 0; }
    /// The offset behind what was appended last: once `peer_handled()` is there, all of it was handled.
    std::uint64_t appended() const noexcept { return ring_.end(); }
    /// Whether anything was appended that the current link has not taken: the peer's limit may stand before it.
    bool has_unsent() const noexcept { return sent_ < ring_.end(); }
    /// Bytes encoded and not handled by the peer.
    std::uint64_t held_bytes() const noexcept { return ring_.size(); }
    /// Calls `f(body, was_written)` for each of those frames, in order; `was_written` if a link took all or some of it,
    /// so that the peer may have it. The view is valid during the call.
    template <class F>
    void for_each_held(F&& f) const;

    /// Appends one whole sequenced frame, given in two parts. The caller has asked `has_room` or `has_reserve`.
    void append(Bytes head, Bytes payload = {});
    /// The same for data, of which the last frame may go beyond the ring without using up the reserve.
    void append_data(Bytes head, Bytes payload) {
        append(head, payload);
        data_end_ = ring_.end();
    }

    /// The last words of an attached lane: an Ack of what was handled, then `bye`, one whole unsequenced frame, at the
    /// next frame boundary. Nothing leaves behind them, no frame of the ring and no answer to a stamp.
    void close(Bytes bye);

    // --- Transport ---

    /// Whether `attach` would take `peer_received`: a frame boundary of what the ring holds and some link has taken.
    bool can_attach(std::uint64_t peer_received) const noexcept;
    /// A new link carries this lane from now on: `peer_received` and `peer_limit` are what the peer said in Attach or
    /// Attached. Fails with bad_offset if the ring has no frame boundary there; then the pool ends.
    Result<void> attach(std::uint64_t peer_received, std::uint64_t peer_limit, TimePoint now);
    /// The link is gone. Half a frame that it brought is forgotten: the peer sends it again.
    void detach() noexcept;
    bool is_attached() const noexcept { return attached_; }

    /// Whether `gather` would give anything at this time (for tests and models).
    bool has_output(TimePoint now) const noexcept;
    /// Views of the next bytes to write, in order; returns how many entries it wrote (0: nothing may be written now).
    /// Valid until the next call of a non-const function.
    std::size_t gather(std::span<Bytes> out, TimePoint now);
    /// The first `bytes` of what `gather` gave were written.
    void written(std::size_t bytes);

    // --- In ---

    /// Takes one chunk. `handler` has
    ///   `Result<Handled> on_sequenced(Bytes body)`: one sequenced frame, a view into the chunk or the lane's memory;
    ///   `Result<void> on_unsequenced(std::uint32_t type, Bytes body)`: all but Ack, which the lane takes itself;
    /// and must not destroy the lane. An error ends the pool; `received()` then is the offset of the offending frame.
    template <class Handler>
    Result<void> receive(Bytes chunk, TimePoint now, Handler& handler);

    /// Offers the frames that waited once more, in order, until one cannot be taken.
    template <class Handler>
    Result<void> resume(TimePoint now, Handler& handler);

    /// Whether frames wait for `resume`.
    bool has_waiting() const noexcept { return inbox_begin_ < inbox_.size(); }

    std::uint64_t received() const noexcept { return received_; }
    std::uint64_t handled() const noexcept { return handled_; }
    /// The first offset that the peer may not begin a frame at.
    std::uint64_t limit() const noexcept { return handled_ + settings_.window_bytes; }
    /// Offset up to which the peer has handled our frames.
    std::uint64_t peer_handled() const noexcept { return ring_.begin(); }

    // --- Acks ---

    /// When `gather` will next have an Ack to send if nothing else happens; nothing while detached.
    std::optional<TimePoint> ack_deadline() const noexcept;

    /// Whether `gather` would give an Ack at this time.
    bool is_ack_due(TimePoint now) const noexcept;

    /// The app's side: the next `gather` has an Ack with a new stamp, which a proxy that is alive answers.
    void probe() noexcept { ack_at_once_ = true; }
    /// The app's side: when the newest stamp was sent that the proxy has answered; before the first answer when the
    /// lane was first attached, and before that the beginning of time. What the app's window counts from (SPEC.md
    /// "Windows").
    TimePoint answered() const noexcept { return answered_; }
    /// The proxy's side: when the newest Ack came before `close`; before the first when the lane was first attached.
    /// The app's window for this lane cannot end later than app window after this.
    TimePoint heard() const noexcept { return heard_; }

  private:
    Result<void> on_ack(const Ack& ack, TimePoint now);
    Result<void> on_ack_body(Bytes body, TimePoint now);
    void on_handled(std::size_t bytes, TimePoint now) noexcept;
    void widen() noexcept;
    void place_control() noexcept;
    void state_ack();
    void wait(Bytes frame);
    Bytes held_frame(std::uint64_t begin, std::uint64_t end, Buffer& scratch) const;

    template <class Handler>
    Result<void> on_frame(Bytes frame, std::size_t prefix, TimePoint now, Handler& handler);

    const Side side_;
    bool attached_ = false;
    bool closed_ = false;
    const LaneSettings settings_;

    // Out. begin <= walk_ <= sent_ <= writable_ <= end; walk_ and writable_ are frame boundaries.
    Ring ring_;
    std::uint64_t sent_ = 0;        // bytes of the ring that the current link has taken
    std::uint64_t ever_sent_ = 0;   // that any link has taken
    std::uint64_t writable_ = 0;    // end of the last frame that begins below the peer's limit, or was begun at `close`
    std::uint64_t peer_limit_ = 0;  // only grows
    std::uint64_t data_end_ = 0;    // end of the newest data frame
    std::uint64_t walk_ = 0;        // where the search for the boundary after sent_ begins
    Buffer control_;                // unsequenced frames under way
    std::size_t control_sent_ = 0;
    std::uint64_t control_at_ = 0;  // the frame boundary before which they go

    // In. handled_ <= received_; what lies between is in inbox_.
    std::uint64_t received_ = 0;
    std::uint64_t handled_ = 0;
    std::uint64_t announced_limit_ = 0;  // the newest one that a link has taken from us
    Buffer partial_;                     // the beginning of a frame that the last chunk cut
    Buffer inbox_;                       // whole frames that wait
    std::size_t inbox_begin_ = 0;

    // Acks.
    std::uint64_t acked_ = 0;         // handled_ as last told
    std::uint64_t newest_stamp_ = 0;  // app: as last sent; proxy: as last heard
    bool ack_at_once_ = false;
    bool awaits_stamp_ = false;  // the proxy's side: none has come since the lane was attached
    TimePoint answered_{};
    TimePoint heard_{};
    std::optional<TimePoint> ack_since_;  // when the oldest untold progress happened
    TimePoint last_ack_{};
};

template <class F>
void Lane::for_each_held(F&& f) const {
    Buffer scratch;
    for (auto begin = ring_.begin(); begin < ring_.end();) {
        const auto end = ring_.next_frame(begin);
        const Bytes frame = held_frame(begin, end, scratch);
        // Only whole frames are appended, so the length is sound.
        if (const auto length = read_length(frame, kMaxFrameLength); length && length.value()) {
            f(frame.substr(length.value()->prefix), begin < ever_sent_);
        }
        begin = end;
    }
}

template <class Handler>
Result<void> Lane::receive(Bytes chunk, TimePoint now, Handler& handler) {
    while (!chunk.empty() && !partial_.empty()) {
        // Take just what completes the cut frame; while even its length is cut, one byte more.
        TRUNKLINE_TRY(auto length, read_length(partial_, settings_.max_frame_bytes));
        const std::size_t whole = length ? length->prefix + length->body : partial_.size() + 1;
        const std::size_t take = std::min(chunk.size(), whole - partial_.size());
        partial_.append(chunk.substr(0, take));
        chunk.remove_prefix(take);
        if (!length || partial_.size() < whole) continue;
        Buffer frame;
        frame.swap(partial_);
        TRUNKLINE_CHECK(on_frame(frame, length->prefix, now, handler));
        if (frame.capacity() <= Ring::kBlockBytes) {
            frame.clear();
            frame.swap(partial_);  // keep a small buffer for the next cut
        }
    }
    while (!chunk.empty()) {
        TRUNKLINE_TRY(auto length, read_length(chunk, settings_.max_frame_bytes));
        if (!length || chunk.size() < length->prefix + length->body) {
            partial_.assign(chunk);
            break;
        }
        const std::size_t whole = length->prefix + length->body;
        TRUNKLINE_CHECK(on_frame(chunk.substr(0, whole), length->prefix, now, handler));
        chunk.remove_prefix(whole);
    }
    return success();
}

template <class Handler>
Result<void> Lane::on_frame(Bytes frame, std::size_t prefix, TimePoint now, Handler& handler) {
    const Bytes body = frame.substr(prefix);
    TRUNKLINE_TRY(auto type, peek_type(body));
    if (!is_sequenced(type)) {
        if (type == Ack::kType) return on_ack_body(body, now);
        return handler.on_unsequenced(type, body);
    }
    if (received_ >= announced_limit_) return errc::over_limit;
    if (has_waiting()) {
        received_ += frame.size();
        wait(frame);
        return success();
    }
    TRUNKLINE_TRY(auto verdict, handler.on_sequenced(body));
    received_ += frame.size();
    if (verdict == Handled::done) {
        on_handled(frame.size(), now);
    } else {
        wait(frame);
    }
    return success();
}

template <class Handler>
Result<void> Lane::resume(TimePoint now, Handler& handler) {
    while (has_waiting()) {
        const Bytes rest = Bytes(inbox_).substr(inbox_begin_);
        TRUNKLINE_TRY(auto length, read_length(rest, settings_.max_frame_bytes));
        const std::size_t whole = length->prefix + length->body;
        TRUNKLINE_TRY(auto verdict, handler.on_sequenced(rest.substr(length->prefix, length->body)));
        if (verdict == Handled::later) return success();
        inbox_begin_ += whole;
        on_handled(whole, now);
    }
    Buffer().swap(inbox_);
    inbox_begin_ = 0;
    return success();
}

}  // namespace trunkline::protocol
