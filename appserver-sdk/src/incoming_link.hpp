#pragma once

#include <memory>

#include "appserver-sdk/src/core/admission.hpp"
#include "net/link/link.hpp"
#include "net/turn.hpp"

namespace trunkline {

class Links;

/// A link that a proxy dialled, from the accepted socket to its end. When the proxy asks to attach a lane, the link is
/// given to that lane. Owned by Links.
class IncomingLink final : public net::LinkOwner, public net::TurnHook {
  public:
    /// What a handshake is done with.
    struct Handshake {
        const protocol::Hello& own_hello;
        const net::LinkKey& key;
        net::LinkTimes times;
    };

    IncomingLink(net::Loop& loop, net::ByteStream stream, const Handshake& handshake, Links& links,
                 Admission& admission, const Log& log);

    void start() { link_->start(); }
    /// The lane has something to write.
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

    Links& links_;
    Admission& admission_;
    const Log& log_;
    Decision decision_;
    bool was_refused_ = false;
    std::unique_ptr<net::Link> link_;
};

}  // namespace trunkline
