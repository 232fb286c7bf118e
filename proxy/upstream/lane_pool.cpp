#include "proxy/upstream/lane_pool.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

#include "proxy/session/session.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::proxy {

using protocol::ByeCode;
using protocol::Bytes;

namespace {

constexpr std::size_t kLongestAnswer = 13;
constexpr std::size_t kReserveOfAnswers = 64 << 10;
static_assert(kReserveOfAnswers >= protocol::kMaxOpenRequests * kLongestAnswer);

protocol::PoolId random_pool_id() {
    protocol::PoolId id;
    const auto random = net::random_bytes(id.bytes.size());
    std::copy(random.begin(), random.end(), id.bytes.begin());
    return id;
}

}  // namespace

// --- PoolLane ---

void PoolLane::send_data(protocol::Chan chan, protocol::PayloadKind kind, Bytes payload) {
    char header[protocol::kMaxDataHeader];
    const std::size_t n = protocol::encode_data_header(header, chan, kind, payload.size());
    linked.send_data({header, n}, payload);
}

std::size_t PoolLane::max_payload() const noexcept {
    return static_cast<std::size_t>(pool_.app_max_frame()) - protocol::kMaxDataHeader;
}

bool PoolLane::send_control(Bytes frame) {
    if (!linked.lane.has_reserve(frame.size(), kReserveOfAnswers)) return false;
    linked.send(frame);
    return true;
}

bool PoolLane::send_answer(Bytes frame) {
    if (!linked.lane.has_reserve(frame.size())) return false;
    linked.send(frame);
    return true;
}

void PoolLane::wait(Session& session) {
    blocked_ = true;
    waiting_.push_back(&session);
}

void PoolLane::stop_waiting(Session& session) { std::erase(waiting_, &session); }

void PoolLane::forget(protocol::Chan chan) { pool_.chans().remove(chan); }

void PoolLane::wake_waiting() {
    for (Session* session : std::exchange(awaiting_ack_, {})) session->on_acknowledged();
    if (!blocked_ || linked.lane.held_bytes() > ring_bytes_ / 2) return;
    blocked_ = false;
    std::vector<Session*> woken;
    woken.swap(waiting_);
    for (Session* session : woken) session->on_lane_room();
}

// --- LanePool ---

LanePool::LanePool(net::Loop& loop, Owner& owner, PoolSettings settings)
    : loop_(loop), owner_(owner), settings_(std::move(settings)), id_(random_pool_id()) {
    for (unsigned i = 0; i < settings_.lanes; ++i) lanes_.push_back(std::make_unique<PoolLane>(*this, settings_.lane));
}

LanePool::~LanePool() {
    for (const auto& lane : lanes_) {
        if (lane->linked.link) lane->linked.link->close();
    }
}

void LanePool::dial() {
    for (unsigned i = 0; i < size(); ++i) {
        connectors_.push_back(std::make_unique<net::Connector>(loop_.executor()));
        connectors_.back()->async_connect(settings_.address,
                                          [this, i](const boost::system::error_code& ec, net::UniqueFd fd) {
                                              if (ec != boost::asio::error::operation_aborted) {
                                                  on_connected(i, std::move(fd), ec);
                                              }
                                          });
    }
    loop_.schedule(connect_deadline_, loop_.now() + settings_.connect);
}

void LanePool::on_connected(unsigned index, net::UniqueFd fd, const boost::system::error_code& ec) {
    if (state_ != State::dialling) return;
    if (ec) return fail(ByeCode::link_lost, ec.message(), CloseReason::app_server_lost);

    protocol::Attach attach;
    attach.pool = id_;
    attach.lane = index;
    attach.lanes = size();
    auto handshake = std::make_unique<net::ProxyHandshake>(
        settings_.hello, settings_.key, attach, lanes_[index]->linked.lane, [this](const protocol::Hello& app) {
            if (app.max_frame != 0) app_max_frame_ = std::min(app_max_frame_, app.max_frame);
            return owner_.check(app);
        });
    lanes_[index]->linked.link =
        std::make_unique<net::Link>(loop_, net::ByteStream(fd.release()), std::move(handshake), *this, settings_.link);
    lanes_[index]->linked.link->start();
}

void LanePool::on_connect_deadline(net::Clock::time_point) {
    for (const auto& lane : lanes_) {
        if (!lane->linked.link) return fail(ByeCode::link_lost, "connect timed out", CloseReason::app_server_lost);
    }
}

unsigned LanePool::index_of(const net::Link& link) const {
    unsigned i = 0;
    while (lanes_[i]->linked.link.get() != &link) ++i;
    return i;
}

void LanePool::on_link_attached(net::Link&) {
    if (++attached_ < size() || state_ != State::dialling) return;
    state_ = State::up;
    connect_deadline_.cancel();
    owner_.on_pool_up();
}

protocol::Result<void> LanePool::on_link_chunk(net::Link& link, Bytes chunk) {
    const unsigned index = index_of(link);
    PoolLane& lane = *lanes_[index];
    auto taken = owner_.on_chunk(lane, index, chunk);
    if (state_ == State::ended) return boost::outcome_v2::success();
    if (!taken) return taken;
    if (bye_) return protocol::errc::refused;  // ends the link, and with it the pool, as the peer wants
    lane.wake_waiting();
    return boost::outcome_v2::success();
}

void LanePool::on_bye(const protocol::Bye& bye) {
    if (bye_) return;
    bye_ = bye.code;
    bye_text_ = bye.text;
}

void LanePool::on_link_ended(net::Link& link, const boost::system::error_code& why) {
    if (state_ == State::ended) return;
    const unsigned index = index_of(link);
    const std::string name = "lane " + std::to_string(index);
    if (bye_) {
        const bool stopping = *bye_ == ByeCode::stopping;
        return fail(*bye_, stopping ? "the app server is stopping" : "the app server ended the pool: " + bye_text_,
                    stopping ? CloseReason::app_server_stopping : CloseReason::app_server_lost);
    }
    std::string text = name + ": " + why.message();
    const auto code = net::bye_code(why);
    if (code != ByeCode::link_lost) {
        if (link.lane() != nullptr) text += " at offset " + std::to_string(lanes_[index]->linked.lane.received());
    }
    fail(code, text, CloseReason::app_server_lost);
}

void LanePool::fail(ByeCode code, const std::string& why, CloseReason reason) {
    const std::size_t unhandled = end(code, why, reason);
    owner_.on_pool_ended({code, why, unhandled});
}

std::size_t LanePool::end(ByeCode code, const std::string& why, CloseReason reason) {
    if (state_ == State::ended) return 0;
    state_ = State::ended;
    connect_deadline_.cancel();
    for (const auto& connector : connectors_) connector->cancel();

    protocol::Buffer bye;
    append(bye, protocol::Bye{code, why});
    for (const auto& lane : lanes_) {
        if (!lane->linked.link) continue;
        if (lane->linked.link->is_attached()) lane->linked.lane.append_unsequenced(bye);
        lane->linked.link->close();
        loop_.bury(std::move(lane->linked.link));
    }
    chans_.for_each([&](Session& session) { session.on_pool_ended(reason); });
    attached_ = 0;
    std::size_t unhandled = 0;
    for (const auto& lane : lanes_) unhandled += lane->linked.lane.held_frames(protocol::Data::kType);
    return unhandled;
}

std::uint64_t LanePool::ring_bytes() const noexcept {
    std::uint64_t bytes = 0;
    for (const auto& lane : lanes_) bytes += lane->linked.lane.held_bytes();
    return bytes;
}

}  // namespace trunkline::proxy
