#pragma once

#include "appserver-sdk/src/pool.hpp"
#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/lane/lane.hpp"
#include "trunkline/protocol/service/messages.hpp"

namespace trunkline {

/// Takes the frames of one lane: the table of contents of what a proxy can tell. Lives for one chunk. An error of a
/// frame ends the pool (SPEC.md "Framing").
class FromProxy {
  public:
    FromProxy(Core& core, LaneSlot& slot) noexcept : core_(core), pool_(slot.pool), slot_(slot) {}

    protocol::Result<protocol::Handled> on_sequenced(protocol::Bytes body);
    protocol::Result<void> on_unsequenced(std::uint32_t type, protocol::Bytes body);

    protocol::Result<void> on(const protocol::Open& message);
    protocol::Result<void> on(const protocol::Data& message);
    protocol::Result<void> on(const protocol::Close& message);
    protocol::Result<void> on(const protocol::Detach& message);
    protocol::Result<void> on(const protocol::Drain& message);
    protocol::Result<void> on(const protocol::Mark& message);
    protocol::Result<void> on(const protocol::Backlog& message);
    protocol::Result<void> on(const protocol::RequestAck& message);
    protocol::Result<void> on(const protocol::Bye& message);
    // What only an app server says, or what was not agreed on.
    protocol::Result<void> on(const protocol::Accept&) { return protocol::errc::unexpected_frame; }
    protocol::Result<void> on(const protocol::Detached&) { return protocol::errc::unexpected_frame; }
    protocol::Result<void> on(const protocol::Pause&) { return protocol::errc::unexpected_frame; }
    /// Everything else is for newer versions, or for other kinds of peers.
    template <class Other>
    void on(const Other&) {}

  private:
    bool is_home_of(std::uint8_t key) const noexcept { return key % pool_.barrier().lanes() == slot_.index; }
    /// The connection of that chan on this lane; null if it has ended already.
    protocol::Result<const Connection*> find(protocol::Chan chan) const;

    Core& core_;
    Pool& pool_;
    LaneSlot& slot_;
};

}  // namespace trunkline
