#pragma once

#include <cstdint>

#include "proxy/metrics/close_reason.hpp"

namespace trunkline::proxy {

/// Why a client is not read for the moment. Reading goes on when no reason is left.
enum class PauseReason : std::uint8_t {
    port_full,  ///< the app server's port has no room
    share,      ///< too much of what this client sent waits there to be handled
    app,        ///< the app server asked for it
    moving,     ///< the connection moves to another app server
    held,       ///< it has no app server, and the client has said as much as is kept for one
};

/// The client of an attachment, as far as the attachment needs it. Implemented by Session, so that this room does not
/// know how a client is served. Calls may end the session, never free it before the turn is over.
class ClientSide {
  public:
    /// Stops reading the client for this reason.
    virtual void pause(PauseReason reason) = 0;
    /// The reason is gone. Nothing happens if it was none.
    virtual void resume(PauseReason reason) = 0;
    /// The connection cannot go on: the client is closed for `why`, and the attachment is told by `Attachment::end`.
    virtual void close_for(CloseReason why) = 0;
    /// The attachment had still to tell the app server of the end, and has done so, or nobody is left to be told.
    virtual void on_app_told() = 0;

  protected:
    ~ClientSide() = default;
};

}  // namespace trunkline::proxy
