#include "proxy/upstreams/native/lane_pool.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <iterator>
#include <utility>

#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::proxy {

using protocol::ByeCode;
using protocol::Bytes;

namespace {

constexpr std::chrono::milliseconds kDrainLook{20};

protocol::PoolId random_pool_id() {
    protocol::PoolId id;
    const auto random = net::random_bytes(id.bytes.size());
    std::copy(random.begin(), random.end(), id.bytes.begin());
    return id;
}

}  // namespace

LanePool::LanePool(net::Loop& loop, Owner& owner, PoolSettings settings)
    : loop_(loop),
      owner_(owner),
      settings_(std::move(settings)),
      id_(random_pool_id()),
      life_(settings_.lanes, settings_.life),
      wanted_(settings_.lanes),
      target_(settings_.lanes),
      lanes_out_(settings_.lanes),
      barrier_(settings_.lanes) {
    while (lanes_.size() < settings_.lanes) add_lane();
}

void LanePool::add_lane() {
    const auto index = static_cast<unsigned>(lanes_.size());
    lanes_.push_back(std::make_unique<PoolLane>(*this, index, settings_.lane));
    diallers_.push_back(std::make_unique<net::Dialler>(
        loop_, settings_.address, settings_.dial,
        [this, index](const auto& ec, net::UniqueFd fd) { on_dialled(index, ec, std::move(fd)); }));
}

LanePool::~LanePool() {
    for (const auto& lane : lanes_) {
        if (lane->linked.link) lane->linked.link->close();
    }
}

// --- Links come and go ---

void LanePool::dial() {
    for (const auto& dialler : diallers_) dialler->dial();
}

void LanePool::on_dialled(unsigned index, const boost::system::error_code& ec, net::UniqueFd fd) {
    if (state_ == State::ended) return;
    if (ec) {
        if (state_ == State::dialling) return fail(ByeCode::link_lost, ec.message(), CloseReason::app_server_lost);
        // A Unix socket that nobody listens at may be gone from its directory.
        if (ec == boost::asio::error::connection_refused || ec == boost::system::errc::no_such_file_or_directory) {
            life_.on_refused(loop_.now());
        }
        diallers_[index]->dial_later();
        return;
    }
    life_.on_accepted();
    PoolLane& lane = *lanes_[index];
    protocol::Attach attach;
    attach.pool = id_;
    attach.lane = index;
    attach.lanes = target_;
    attach.attempt = lane.attempts++;
    auto handshake = std::make_unique<net::ProxyHandshake>(settings_.hello, settings_.key, attach, lane.linked.lane,
                                                           [this](const protocol::Hello& app) { return check(app); });
    lane.linked.link =
        std::make_unique<net::Link>(loop_, net::ByteStream(fd.release()), std::move(handshake), *this, settings_.link);
    lane.linked.link->start();
}

std::string LanePool::check(const protocol::Hello& app) {
    std::string name = app.name.empty() ? settings_.address.to_string() : app.name;
    if (announced_) {
        if (app.epoch == epoch_ && name == name_) return misfit_ = {};
        new_epoch_ = app.epoch != epoch_;
        return misfit_ = several_app_servers_at(settings_.address.to_string());
    }
    if (misfit_ = owner_.check(app); !misfit_.empty()) return misfit_;
    announced_ = true;
    name_ = std::move(name);
    epoch_ = app.epoch;
    if (app.max_frame != 0) app_max_frame_ = std::min(app_max_frame_, app.max_frame);
    const auto spoken = protocol::spoken_features(settings_.hello.features, app.features);
    const auto is_spoken = [&](const char* feature) {
        return std::find(spoken.begin(), spoken.end(), feature) != spoken.end();
    };
    resumes_ = is_spoken(protocol::kFeatureResume);
    resizes_ = resumes_ && is_spoken(protocol::kFeatureResize);
    return {};
}

unsigned LanePool::index_of(const net::Link& link) const {
    unsigned i = 0;
    while (lanes_[i]->linked.link.get() != &link) ++i;
    return i;
}

void LanePool::on_link_attached(net::Link& link) {
    const unsigned index = index_of(link);
    PoolLane& lane = *lanes_[index];
    const bool is_first = !std::exchange(lane.was_attached, true);
    lane.attached_since = loop_.now();
    if (counts(lane)) life_.on_attached(index);
    ++attached_;
    if (state_ == State::up) {
        if (is_first) return on_resize(loop_.now());
        if (!is_leaving(lane)) owner_.on_link_resumed(*this);
        return;
    }
    if (attached_ < lanes_.size() || state_ != State::dialling) return;
    state_ = State::up;
    if (resumes_) look();
    owner_.on_pool_up(*this);
    on_resize(loop_.now());  // it may be wanted larger or smaller by now
}

protocol::Result<void> LanePool::on_link_chunk(net::Link& link, Bytes chunk) {
    PoolLane& lane = *lanes_[index_of(link)];
    if (state_ == State::ended) {
        TRUNKLINE_CHECK(wait_for_bye(lane, chunk));
    } else {
        auto taken = owner_.on_chunk(lane, chunk);
        if (state_ == State::ended) return protocol::success();
        if (!taken) return taken;
    }
    if (bye_) return protocol::errc::refused;  // ends the link, and with it the pool, as the peer wants
    if (state_ != State::ended) lane.wake_waiting();
    return protocol::success();
}

/// What still comes for a pool that has ended here is of no interest, but for the app server's Bye.
protocol::Result<void> LanePool::wait_for_bye(PoolLane& lane, Bytes chunk) {
    struct Sink {
        LanePool& pool;
        protocol::Result<protocol::Handled> on_sequenced(Bytes) { return protocol::Handled::done; }
        protocol::Result<void> on_unsequenced(std::uint32_t type, Bytes body) {
            if (type != protocol::Bye::kType) return protocol::success();
            TRUNKLINE_TRY(auto bye, protocol::decode_only<protocol::Bye>(body));
            pool.on_bye(bye);
            return protocol::success();
        }
    } sink{*this};
    return lane.linked.lane.receive(chunk, loop_.now(), sink);
}

void LanePool::on_bye(const protocol::Bye& bye) {
    if (bye_) return;
    bye_ = bye.code;
    bye_text_ = bye.text;
}

void LanePool::on_link_ended(net::Link& link, const boost::system::error_code& why) {
    const unsigned index = index_of(link);
    const bool was_attached = link.lane() != nullptr;
    const auto code = net::bye_code(why);
    const bool is_lost = code == ByeCode::link_lost;

    if (bye_) {
        const bool stopping = *bye_ == ByeCode::stopping;
        life_.on_app_ended(stopping ? "the app server is stopping" : "the app server ended the pool: " + bye_text_);
        if (state_ == State::ended) return tell_gone();
        return fail(*bye_, life_.why(), stopping ? CloseReason::app_server_stopping : CloseReason::app_server_lost);
    }
    if (state_ == State::up && resumes_ && (is_lost || !was_attached)) {
        loop_.bury(std::move(lanes_[index]->linked.link));
        if (!was_attached) return on_attach_failed(index, why);
        --attached_;
        return on_lane_lost(index, net::is_closed_by_peer(why));
    }
    if (state_ == State::ended) {
        loop_.bury(std::move(lanes_[index]->linked.link));
        return;
    }
    if (!misfit_.empty()) return fail(code, misfit_, CloseReason::app_server_lost);
    std::string text = "lane " + std::to_string(index) + ": " + why.message();
    if (!is_lost && was_attached) text += " at offset " + std::to_string(lanes_[index]->linked.lane.received());
    fail(code, text, CloseReason::app_server_lost);
}

void LanePool::on_lane_lost(unsigned index, bool by_peer) {
    if (counts(*lanes_[index])) life_.on_lost(index, by_peer);
    net::Dialler& dialler = *diallers_[index];
    const bool had_lived = loop_.now() - lanes_[index]->attached_since >= settings_.dial.retry_max;
    if (had_lived) dialler.reset_wait();
    if (!superseded_) had_lived ? dialler.dial() : dialler.dial_later();
    if (!is_leaving(*lanes_[index])) owner_.on_link_lost(*this);
    look();
}

void LanePool::on_attach_failed(unsigned index, const boost::system::error_code& why) {
    if (why == protocol::errc::unknown_pool || why == protocol::errc::offset_refused) {
        life_.on_app_ended("the app server has ended the pool: " + why.message());
        return fail(net::bye_code(why), life_.why(), CloseReason::app_server_lost);
    }
    if (why == protocol::errc::bad_offset) {
        return fail(net::bye_code(why), "lane " + std::to_string(index) + ": " + why.message(),
                    CloseReason::app_server_lost);
    }
    if (why == protocol::errc::lane_refused && is_leaving(*lanes_[index])) return drop_lane(index);
    if (std::exchange(new_epoch_, false)) {
        life_.on_new_epoch();
        look();
        if (state_ == State::ended) return;
        if (!life_.has_links() && !std::exchange(superseded_, true)) {
            for (const auto& dialler : diallers_) dialler->cancel();
            return owner_.on_pool_superseded(*this);
        }
    }
    if (!superseded_) diallers_[index]->dial_later();
}

// --- The app server drains ---

void LanePool::drain() {
    if (std::exchange(draining_, true)) return;
    chans_.for_each([](Attachment& attachment) { attachment.move(); });
    on_drain_look(loop_.now());
}

/// The answer goes out behind the last Open and Detach: once every connection has left or was told to.
void LanePool::on_drain_look(net::Clock::time_point now) {
    bool are_told = true;
    chans_.for_each([&](Attachment& attachment) { are_told = are_told && attachment.is_told_to_move(); });
    protocol::Buffer frame;
    append(frame, protocol::Drain{1});
    for (unsigned i = 0; i < lanes_out_; ++i) are_told = are_told && lanes_[i]->linked.lane.has_reserve(frame.size());
    if (!are_told) return loop_.schedule(drain_look_, now + kDrainLook);
    for (unsigned i = 0; i < lanes_out_; ++i) lanes_[i]->linked.send(frame);
}

// --- The end ---

/// Looks whether time has ended the pool, and goes on looking while anything may.
void LanePool::look() {
    look_.cancel();
    on_look(loop_.now());
}

void LanePool::on_look(net::Clock::time_point now) {
    auto heard = net::Clock::time_point::max();
    for (const auto& lane : lanes_) {
        if (lane->was_attached && counts(*lane)) heard = std::min(heard, lane->linked.lane.heard());
    }
    const auto state = life_.look(now, heard);
    if (state_ == State::up && state != PoolLife::State::live) {
        return fail(ByeCode::link_lost, life_.why(), CloseReason::app_server_lost);
    }
    if (state_ == State::ended && state == PoolLife::State::gone) return tell_gone();
    // While it has all its links only its silence can end it.
    const bool is_whole = state_ == State::up && attached_ == lanes_.size();
    loop_.schedule(look_, is_whole ? heard + settings_.life.resume_window : now + settings_.life.gone_after / 20);
}

void LanePool::on_newer_pool() {
    life_.on_app_ended("the app server has a newer pool");
    look();
}

void LanePool::fail(ByeCode code, const std::string& why, CloseReason reason) {
    const bool holds = state_ == State::up && resumes_ && settings_.holds && reason == CloseReason::app_server_lost;
    end(code, why, reason, holds ? Clients::hold : Clients::close);
    owner_.on_pool_ended(*this, {code, why, holds});
    if (is_gone()) tell_gone();
}

void LanePool::end(ByeCode code, const std::string& why, CloseReason reason, Clients clients) {
    if (state_ == State::ended) return;
    state_ = State::ended;
    drain_look_.cancel();
    resize_look_.cancel();
    for (const auto& dialler : diallers_) dialler->cancel();
    if (clients == Clients::hold) {
        life_.end(why);
    } else {
        life_.on_app_ended(why);
    }

    protocol::Buffer bye;
    append(bye, protocol::Bye{code, why});
    for (const auto& lane : lanes_) {
        if (!lane->linked.link) continue;
        if (!lane->linked.link->is_attached()) {  // once it were, it would not say Bye
            lane->linked.link->close();
            loop_.bury(std::move(lane->linked.link));
            continue;
        }
        lane->linked.lane.close(bye);
        lane->linked.link->touch();
    }
    chans_.for_each([&](Attachment& attachment) { attachment.on_pool_ended(*this, reason, clients); });
    chans_ = {};  // attachments do not tell an ended pool that they end
    if (!is_gone()) loop_.schedule(look_, loop_.now() + settings_.life.gone_after / 20);
}

void LanePool::tell_gone() {
    if (std::exchange(gone_told_, true)) return;
    look_.cancel();
    close_links();
    owner_.on_pool_gone(*this);
}

void LanePool::close_links() {
    for (const auto& lane : lanes_) {
        if (!lane->linked.link) continue;
        lane->linked.link->close();
        loop_.bury(std::move(lane->linked.link));
    }
    attached_ = 0;
}

std::vector<Departed> LanePool::take_departed() {
    std::vector<Departed> all;
    for (const auto& lane : lanes_) {
        auto taken = lane->take_departed();
        std::move(taken.begin(), taken.end(), std::back_inserter(all));
    }
    return all;
}

void LanePool::for_each_unhandled(const std::function<void(Bytes body, Written)>& visit) const {
    const auto is_mark = [](Bytes body) {
        const auto type = protocol::peek_type(body);
        return type && type.value() == protocol::Mark::kType;
    };
    const auto marks_in = [&](const PoolLane& lane) {
        unsigned marks = 0;
        lane.linked.lane.for_each_held([&](Bytes body, bool) { marks += is_mark(body) ? 1 : 0; });
        return marks;
    };
    // Behind a Mark a connection may be on another lane: what stands before it goes first, on all of them. What is
    // known to be handled by a Mark is left out on all of them too, acknowledged or not: there must be no gaps.
    unsigned rounds = 0;
    for (const auto& lane : lanes_) rounds = std::max(rounds, marks_in(*lane));
    for (unsigned round = rounds - std::min(rounds, version_ - proven_mark()); round <= rounds; ++round) {
        for (const auto& lane : lanes_) {
            unsigned at = rounds - marks_in(*lane);  // one whose Mark was handled holds nothing from before it
            lane->linked.lane.for_each_held([&](Bytes body, bool was_written) {
                if (is_mark(body)) {
                    ++at;
                } else if (at == round) {
                    visit(body, was_written ? Written::yes : Written::no);
                }
            });
        }
    }
}

std::uint64_t LanePool::ring_bytes() const noexcept {
    std::uint64_t bytes = 0;
    for (const auto& lane : lanes_) bytes += lane->linked.lane.held_bytes();
    return bytes;
}

}  // namespace trunkline::proxy
