#include "appserver-sdk/src/incoming_link.hpp"

#include <utility>

#include "appserver-sdk/src/core/links.hpp"
#include "appserver-sdk/src/pool.hpp"

namespace trunkline {

IncomingLink::IncomingLink(net::Loop& loop, net::ByteStream stream, const Handshake& handshake, Links& links,
                           Admission& admission, const Log& log)
    : links_(links),
      admission_(admission),
      log_(log),
      link_(std::make_unique<net::Link>(
          loop, std::move(stream),
          std::make_unique<net::AppHandshake>(
              handshake.own_hello, handshake.key,
              [this](const auto& proxy, const auto& attach) { return decide(proxy, attach); }),
          *this, handshake.times)) {}

net::AppHandshake::Answer IncomingLink::decide(const protocol::Hello& proxy, const protocol::Attach& attach) {
    decision_ = admission_.decide(*this, proxy, attach);
    was_refused_ = decision_.lane == nullptr;
    if (was_refused_) return {decision_.status, nullptr};
    return {protocol::AttachStatus::ok, &decision_.lane->stream};
}

void IncomingLink::close() {
    link_->close();
    links_.remove(*this);
}

void IncomingLink::on_link_attached(net::Link&) { decision_.lane->pool.on_attached(*decision_.lane); }

protocol::Result<void> IncomingLink::on_link_chunk(net::Link&, protocol::Bytes chunk) {
    decision_.lane->pool.on_chunk(*decision_.lane, chunk);
    return protocol::success();
}

void IncomingLink::on_link_ended(net::Link&, const boost::system::error_code& why) {
    if (decision_.lane != nullptr) {
        PoolLane& lane = *decision_.lane;
        if (lane.link == this) lane.pool.on_lost(lane, why);
    } else {
        // A refusal that matters was logged with its reason; the others come with every redial.
        const auto level = was_refused_ ? LogLevel::debug : LogLevel::warning;
        log_.write(level, "a link ended before it carried a lane: " + why.message());
    }
    links_.remove(*this);
}

}  // namespace trunkline
