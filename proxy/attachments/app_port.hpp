#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>

#include "proxy/attachments/departed.hpp"
#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/ids.hpp"
#include "trunkline/protocol/service/extension.hpp"

namespace trunkline::proxy {

class Attachment;

/// How a connection ended, as its app server is told.
struct ConnectionEnd {
    std::uint16_t code = 0;  ///< a close code of RFC 6455 §7.4, also one that never stands in a frame (1005, 1006)
    protocol::CloseBy by = protocol::CloseBy::proxy;
    protocol::Bytes reason{};
};

/// Whether much waits in a client's outbox.
enum class Backlog : bool { off, on };

/// What an attachment is in the waiting lists of a port: in one of them at most.
using PortWaiter = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// One ordered way to an app server: attachments send on it, and wait here when it is full. Attachments
/// send to app servers only through this interface; a dialect implements it (native: a lane of a pool, `PoolLane`).
///
/// A connection is named by its chan, a number that the port gives when the connection is opened. All calls are for the
/// worker's loop. What is sent leaves when the turn ends, in the order of the calls.
class AppPort {
  public:
    // --- Connections ---

    /// Sends an Open, behind all that was sent before. Sets `open.chan`, and puts the encoded frame into `frame`.
    /// Without an attachment the client has left already: nothing of what the app server sends to it is looked at.
    virtual protocol::Chan open(Attachment* attachment, protocol::Open& open, protocol::Buffer& frame) = 0;

    /// Sends a client's message, of at most `max_payload()` bytes. The caller has asked `is_blocked` before it
    /// read the client; a full port still accepts what was read before it filled.
    virtual void data(protocol::Chan chan, protocol::PayloadKind kind, protocol::Bytes payload) = 0;
    /// The same for a message that an app server before may have handled.
    virtual void redeliver(protocol::Chan chan, protocol::PayloadKind kind, protocol::Bytes payload) = 0;

    // Small frames that need not wait for ordinary room, for a reserve is kept for them. False: the reserve is used up
    // too, and nothing was sent; the attachment calls `wait_for_room` and tries again then.

    [[nodiscard]] virtual bool try_close(protocol::Chan chan, const ConnectionEnd& end) = 0;
    [[nodiscard]] virtual bool try_detach(protocol::Chan chan) = 0;
    [[nodiscard]] virtual bool try_backlog(protocol::Chan chan, Backlog backlog) = 0;

    /// Sends a Close even where there is no room: for a client that has left, nobody is there who could wait.
    virtual void close(protocol::Chan chan, const ConnectionEnd& end) = 0;

    /// The connection has ended here; what still comes for its chan is late.
    virtual void forget(protocol::Chan chan) = 0;
    /// Keeps what it takes to open this connection elsewhere until the app server has handled the last frame that was
    /// sent for it: its Close, or its Detach if it was moving. If the app server is lost before, the next one handles
    /// the rest.
    virtual void keep(Departed&& departed) = 0;

    // --- Room ---

    /// Whether clients must not be read for this port now. It begins when the port is full, and lasts until half of it
    /// is free again.
    bool is_blocked() noexcept {
        if (!blocked_ && !has_room()) blocked_ = true;
        return blocked_;
    }
    /// Bytes until it is full.
    virtual std::uint64_t room() const noexcept = 0;
    /// The longest payload of one message that the app server takes.
    virtual std::size_t max_payload() const noexcept = 0;
    /// The offset behind the last byte that was given to this port, and the one up to which the app server has
    /// acknowledged that it has handled everything.
    virtual std::uint64_t sent() const noexcept = 0;
    virtual std::uint64_t handled() const noexcept = 0;
    /// The app server drains: connections that are here are to move.
    virtual bool is_draining() const noexcept = 0;

    // Not for one that waits here already.

    /// Calls `Attachment::on_room` once, when the port is not blocked any more.
    void wait_for_room(Attachment& attachment);
    /// Calls `Attachment::on_acknowledged` once, when the app server has acknowledged something.
    void wait_for_acknowledgement(Attachment& attachment);

  protected:
    ~AppPort() = default;

    virtual bool has_room() const noexcept = 0;

    bool was_blocked() const noexcept { return blocked_; }
    void wake_acknowledged();
    /// Not blocked from now on.
    void unblock();

  private:
    using Waiters = boost::intrusive::list<PortWaiter, boost::intrusive::constant_time_size<false>>;

    bool blocked_ = false;
    Waiters for_room_;
    Waiters for_acknowledgement_;
};

}  // namespace trunkline::proxy
