#pragma once

#include <memory>

#include "net/link/link.hpp"
#include "net/turn.hpp"

namespace trunkline {

class Core;
struct LaneSlot;

/// What a proxy's wish to attach a lane is answered with; the lane is set if the status is ok.
struct Decision {
    protocol::AttachStatus status = protocol::AttachStatus::refused;
    LaneSlot* lane = nullptr;
};

/// A link that a proxy dialled, from the accepted socket to its end: until the proxy asks to attach a lane it belongs
/// to nobody, afterwards to that lane. Owned by Core, buried at its end.
class IncomingLink final : public net::LinkOwner, public net::TurnHook {
  public:
    IncomingLink(Core& core, net::ByteStream stream, bool key_required);

    void start() { link_->start(); }
    void touch() { link_->touch(); }
    void touch_data(std::size_t bytes) { link_->touch_data(bytes); }
    /// Whether its handshake is done and it carries a lane.
    bool is_attached() const noexcept { return link_->is_attached(); }
    /// Writes what its lane still has, as far as the socket takes it, and ends without telling the lane.
    void close();

  private:
    void on_link_attached(net::Link& link) override;
    protocol::Result<void> on_link_chunk(net::Link& link, protocol::Bytes chunk) override;
    void on_link_ended(net::Link& link, const boost::system::error_code& why) override;
    void on_turn_end() override {}

    net::AppHandshake::Answer decide(const protocol::Hello& proxy, const protocol::Attach& attach);

    Core& core_;
    Decision decision_;
    bool was_refused_ = false;
    std::unique_ptr<net::Link> link_;
};

}  // namespace trunkline
