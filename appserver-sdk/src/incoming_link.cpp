#include "appserver-sdk/src/incoming_link.hpp"

#include "appserver-sdk/src/core.hpp"

namespace trunkline {

IncomingLink::IncomingLink(Core& core, net::ByteStream stream, bool key_required)
    : core_(core),
      link_(std::make_unique<net::Link>(
          core.loop(), std::move(stream),
          std::make_unique<net::AppHandshake>(
              core.own_hello(), core.link_key(key_required),
              [this](const auto& proxy, const auto& attach) { return decide(proxy, attach); }),
          *this, core.link_times())) {}

net::AppHandshake::Answer IncomingLink::decide(const protocol::Hello& proxy, const protocol::Attach& attach) {
    decision_ = core_.decide(*this, proxy, attach);
    was_refused_ = decision_.lane == nullptr;
    if (was_refused_) return {decision_.status, nullptr};
    return {protocol::AttachStatus::ok, &decision_.lane->lane};
}

void IncomingLink::close() {
    link_->close();
    core_.forget(*this);
}

void IncomingLink::on_link_attached(net::Link&) { decision_.lane->pool.on_attached(*decision_.lane); }

protocol::Result<void> IncomingLink::on_link_chunk(net::Link&, protocol::Bytes chunk) {
    decision_.lane->pool.on_chunk(*decision_.lane, chunk);
    return protocol::success();
}

void IncomingLink::on_link_ended(net::Link&, const boost::system::error_code& why) {
    if (decision_.lane != nullptr) {
        LaneSlot& slot = *decision_.lane;
        if (slot.link == this) slot.pool.on_lost(slot, why);
    } else {
        // A refusal that matters was logged with its reason; the others come with every redial.
        const auto level = was_refused_ ? LogLevel::debug : LogLevel::warning;
        core_.log(level, "a link ended before it carried a lane: " + why.message());
    }
    core_.forget(*this);
}

}  // namespace trunkline
