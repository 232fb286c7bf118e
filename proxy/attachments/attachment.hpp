#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/attachments/app_port.hpp"
#include "proxy/attachments/attachment_state.hpp"
#include "proxy/attachments/client_side.hpp"
#include "proxy/attachments/departed.hpp"
#include "proxy/directory/member.hpp"

namespace trunkline::proxy {

class HeldConnection;
class LostPool;
struct UpstreamConnections;

/// What becomes of the clients of a pool that ends.
enum class Clients : bool { close, hold };

/// One app server's side of a connection: at which port it is, under which chan, what of it waits there to be handled,
/// and what the app server has still to be told. It outlives app servers: when one is lost or drains the attachment is
/// held, and opened at the next one. It is the connection's entry in the directory of the upstream.
///
/// A session has one, inline; it ends before its session does. Ports, chan tables, the directory and held connections
/// refer to it, and it leaves all of them when it ends. Used on the worker's loop.
class Attachment final : public PortWaiter, public Member {
  public:
    using State = AttachmentState;

    Attachment(UpstreamConnections& upstream, ClientSide& client) noexcept : upstream_(upstream), client_(client) {}
    ~Attachment();

    State state() const noexcept { return state_; }
    ClientSide& client() const noexcept { return client_; }
    UpstreamConnections& upstream() const noexcept { return upstream_; }

    // --- Begin ---

    /// Its Open was sent. `asks`: the app server must accept the client first. The id and key are those of the Open;
    /// the record is empty where connections are not held.
    enum class Asks : bool { no, yes };
    void on_opened(AppPort& port, protocol::Chan chan, const protocol::ConnectionId& id, std::uint8_t key,
                   OpenRecord&& record, Asks asks);
    /// The app has accepted, and chosen a sub-protocol or none.
    void on_accepted(std::optional<protocol::Bytes> subprotocol);
    /// Moves at once if the app server drains by now.
    void follow_drain();
    /// Sends of the upstream reach it from now on. False: its id is there already.
    [[nodiscard]] bool enter_directory(std::optional<protocol::Bytes> user);

    // --- From the client ---

    /// Pauses reading if the port is full, or what is kept while it is held.
    void look_for_room();
    /// How many bytes of the client may be read now; may be 0.
    std::size_t room() const noexcept;
    /// Sends one message, or keeps it for the next app server. False: it is longer than the app server takes, and
    /// nothing was done.
    [[nodiscard]] bool send(protocol::PayloadKind kind, protocol::Bytes payload);
    /// The app server learns whether the client keeps up, as soon as there is room to say so.
    void set_backlog(Backlog backlog);

    // --- End ---

    /// The connection has ended, and the app server is told: now, or when there is room. It is in no directory any
    /// more. Not for one that has ended.
    void end(const ConnectionEnd& end);
    /// The same where it was its app server that ended it, and so knows.
    void end_by_app();
    bool has_ended() const noexcept { return state_ == State::ended; }

    // --- From its port ---

    /// The port has room again, after `AppPort::wait_for_room`.
    void on_room();
    /// The app server has handled more, after `AppPort::wait_for_acknowledgement`.
    void on_acknowledged();
    /// Its pool has another number of lanes: this port is its home lane from now on.
    void on_resized(AppPort& port);
    /// The app server drains: the connection moves to another one.
    void move();
    /// Whether nothing more is to be said to its draining app server.
    bool is_told_to_move() const noexcept;
    /// The app server has sent its last for this connection.
    void on_detached();
    /// The pool of its port has ended. It is held until it can be opened elsewhere, or else its client is closed for
    /// `why`, and no app server is told.
    void on_pool_ended(const LostPool& pool, CloseReason why, Clients clients);
    /// The app server wants the client read, or not.
    void on_app_pause(bool on);

    // --- From the held connections ---

    /// It is open again, at this port.
    void on_placed(AppPort& port, protocol::Chan chan);
    /// No app server is left for it.
    void give_up(CloseReason why);
    /// What it takes to open it again; empty where connections are not held.
    OpenRecord& record() noexcept { return record_; }

  private:
    void enter(State next);
    void hold(HeldConnection& held);
    void send_detach();
    void tell_end();
    void keep(Departed&& departed);
    void tell_backlog();
    void wait_for_room();
    void wait_for_acknowledgement();
    void stop_waiting();
    void leave_port();
    void leave_directory();
    Departed depart(const ConnectionEnd& end);

    void count_share(std::size_t payload_bytes);
    void renew_share();
    std::size_t share_left() const noexcept;
    void reset_share() noexcept;

    // First, where Member leaves room for them.
    State state_ = State::unopened;
    bool waits_for_room_ : 1 =
        false;                  // true: in its port's list for room; false: in none, or in that for acknowledgements
    bool backlog_ : 1 = false;  // as the client's side has it
    bool backlog_told_ : 1 = false;  // as the app server knows it

    UpstreamConnections& upstream_;
    ClientSide& client_;
    AppPort* port_ = nullptr;  // null while it has no app server
    protocol::Chan chan_{};
    // Cost of what was sent and is not acknowledged, in two buckets: sent before the port's offset `share_mark_`, and
    // after it. When an acknowledgement passes the mark, the first is dropped and the second becomes the first.
    std::uint32_t share_before_ = 0;
    std::uint32_t share_after_ = 0;
    std::uint64_t share_mark_ = 0;
    HeldConnection* held_ = nullptr;  // only in state held
    OpenRecord record_;
    std::unique_ptr<Departed> departed_;  // only in state closing: how it ended, and its record
};

}  // namespace trunkline::proxy
