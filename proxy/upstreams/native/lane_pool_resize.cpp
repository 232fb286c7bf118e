// How a pool that is up gets more lanes, or fewer (SPEC.md "Resize").
#include <algorithm>

#include "proxy/upstreams/native/lane_pool.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::proxy {

namespace {

constexpr std::chrono::milliseconds kLookForRoom{20};

}  // namespace

bool LanePool::resize(unsigned lanes) {
    wanted_ = lanes;
    if (state_ == State::ended) return true;  // the next one has that size
    if (state_ == State::up && !resizes_) return wanted_ == lanes_out_;
    on_resize(loop_.now());
    return true;
}

bool LanePool::is_resized() const noexcept {
    return lanes_out_ == target_ && lanes_in() == target_ && lanes_.size() == target_;
}

/// Does what can be done by now, one resize after the other.
void LanePool::on_resize(net::Clock::time_point now) {
    if (state_ != State::up || !resizes_) return;
    for (const auto& lane : lanes_) {
        if (!lane->linked.lane.has_waiting() || holds_back(*lane)) continue;
        auto taken = owner_.on_go_on(*lane);
        if (state_ != State::up) return;
        if (!taken) {
            return fail(net::bye_code(taken.error()),
                        "lane " + std::to_string(lane->index) + ", a frame that had waited: " + taken.error().message(),
                        CloseReason::app_server_lost);
        }
        if (lane->linked.link) lane->linked.link->touch();
    }
    if (draining_ || superseded_)
        return;  // it is about to end; while it drains each lane that is a home has its answer
    if (is_resized() && wanted_ != target_) begin_resize();
    if (lanes_out_ != target_ && !mark()) loop_.schedule(resize_look_, now + kLookForRoom);
}

void LanePool::begin_resize() {
    target_ = wanted_;
    while (lanes_.size() < target_) {
        add_lane();
        diallers_.back()->dial();
    }
}

/// Writes the Marks, if all new lanes are there; from then on connections send on their new home lanes. False: not all
/// lanes have room.
bool LanePool::mark() {
    if (!std::all_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->was_attached; })) return true;
    protocol::Buffer frame;
    append(frame, protocol::Mark{version_ + 1, target_});
    const auto has_room = [&](const auto& lane) { return lane->linked.lane.has_reserve(frame.size()); };
    if (!std::all_of(lanes_.begin(), lanes_.end(), has_room)) return false;

    ++version_;
    for (const auto& lane : lanes_) {
        lane->linked.send(frame);
        lane->mark_end = lane->linked.lane.appended();
    }
    lanes_out_ = target_;
    chans_.for_each([this](Attachment& attachment) { attachment.on_resized(home_of(attachment.key())); });
    return true;
}

protocol::Result<void> LanePool::on_mark(PoolLane& lane, const protocol::Mark& mark) {
    // The app server answers ours, nothing else.
    if (mark.version != version_ || mark.lanes != lanes_out_) return protocol::errc::unexpected_frame;
    TRUNKLINE_TRY(const bool is_last, barrier_.on_mark(lane.index, mark, static_cast<unsigned>(lanes_.size())));
    if (is_leaving(lane)) life_.on_removed(lane.index);
    if (!is_last) return protocol::success();
    for (const auto& added : lanes_) {
        if (!counts(*added) || life_.has(added->index)) continue;
        added->linked.lane.is_attached() ? life_.on_attached(added->index) : life_.on_lost(added->index, false);
    }
    if (is_resized()) owner_.on_pool_resized(*this);
    loop_.schedule(resize_look_, loop_.now());  // not inside this lane's frame: the others have frames that wait
    return protocol::success();
}

/// The newest Mark before which the app server has handled everything: it has answered it, or has handled what stands
/// behind it somewhere.
std::uint32_t LanePool::proven_mark() const noexcept {
    const auto is_passed = [](const auto& lane) {
        return lane->mark_end != 0 && lane->linked.lane.peer_handled() > lane->mark_end;
    };
    const bool is_newest = barrier_.version() == version_ || std::any_of(lanes_.begin(), lanes_.end(), is_passed);
    return is_newest ? version_ : version_ - 1;  // a resize begins when the one before is through
}

/// The app server has closed this lane, which is no part of the pool any more, and refuses to have it back: it has
/// handled all of it, and knows that we have.
void LanePool::drop_lane(unsigned index) {
    lanes_[index]->is_refused = true;
    diallers_[index]->cancel();
    while (lanes_.size() > target_ && lanes_.back()->is_refused) {
        lanes_.pop_back();
        diallers_.pop_back();
    }
    if (!is_resized()) return;
    owner_.on_pool_resized(*this);
    on_resize(loop_.now());
}

}  // namespace trunkline::proxy
