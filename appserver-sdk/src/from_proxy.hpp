#pragma once

#include "appserver-sdk/src/pool.hpp"
#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/lane/lane.hpp"
#include "trunkline/protocol/service/messages.hpp"

#include <trunkline/options.hpp>

namespace trunkline {

class Connections;
class Sends;

/// Takes the frames of one lane: one `on` for each message that a proxy may send. Lives for one chunk. An error of a
/// frame ends the pool (SPEC.md "Framing").
class FromProxy {
  public:
    FromProxy(Connections& connections, Sends& sends, const Limits& limits, PoolLane& lane) noexcept
        : connections_(connections), sends_(sends), limits_(limits), pool_(lane.pool), lane_(lane) {}

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
    bool is_home_of(std::uint8_t key) const noexcept { return key % pool_.barrier().lanes() == lane_.index; }
    /// The connection of that chan on this lane; null if it has ended already. A copy, because the callback may end the
    /// connection, which takes it out of the table.
    protocol::Result<std::shared_ptr<ConnectionState>> find(protocol::Chan chan) const;

    Connections& connections_;
    Sends& sends_;
    const Limits& limits_;
    Pool& pool_;
    PoolLane& lane_;
};

}  // namespace trunkline
