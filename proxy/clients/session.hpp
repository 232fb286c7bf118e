#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "config/settings.hpp"
#include "net/crossed_waits.hpp"
#include "net/loop.hpp"
#include "net/pause.hpp"
#include "net/shared_bytes.hpp"
#include "proxy/attachments/attachment.hpp"
#include "proxy/clients/client_encoding.hpp"
#include "proxy/clients/outbox.hpp"
#include "proxy/clients/transport/websocket_transport.hpp"
#include "proxy/http/upgrade_sink.hpp"
#include "proxy/http/worker_routes.hpp"
#include "proxy/metrics/close_reason.hpp"
#include "proxy/metrics/counters.hpp"

namespace trunkline::proxy {

class SessionTable;

/// What all sessions of a worker share. Owned by the worker, outlives them.
struct SessionHome {
    net::Loop& loop;
    WorkerCounters& counters;
    SessionTable& sessions;
    OutboxPool outboxes{};
};

/// One client, from its upgrade to its end: reads frames from its socket and gives the messages to its attachment,
/// takes what the app server sends and writes it to the socket once per turn. While idle it holds no buffer and no
/// pending operation, and one deadline.
///
/// Owned by its worker's SessionTable, used on its loop, freed at the end of the turn in which it closed. No other
/// object keeps a pointer to a session across turns, except through its attachment, which leaves all lists and tables
/// when it ends.
class Session final : public net::PollHandler, public net::TurnHook, private net::WheelHook, public ClientSide {
  public:
    Session(SessionHome& home, UpstreamConnections& upstream, RoutePtr route);
    ~Session() override;

    /// The attachment was opened. Takes the socket over, and either answers the upgrade and is open, or waits for the
    /// app's answer.
    void start(Upgraded client);

    Attachment& attachment() noexcept { return attachment_; }

    /// How fan-outs are encoded for this client.
    ClientProtocol client_protocol() const noexcept { return ClientProtocol::raw; }
    Framing framing() const noexcept { return WebSocketTransport::kFraming; }

    // --- From the app server; harmless for a session that is closing ---

    /// Accept: the answer to `ask`, else a user and groups that come with the first frame.
    void on_accept(std::optional<protocol::Bytes> user, const std::vector<protocol::Bytes>& groups,
                   std::optional<protocol::Bytes> subprotocol);
    /// One message for this client.
    void deliver(protocol::PayloadKind kind, protocol::Bytes payload);
    /// One copy of a fan-out, encoded for this client: a whole message and its framing.
    void deliver(const net::SharedBytes& frame, std::size_t payload_bytes);
    /// Close of its own app server: a close code, or before the upgrade was answered an HTTP status.
    void on_app_close(std::uint16_t code, protocol::Bytes reason);

    // --- Ends ---

    /// The one way out; later calls do nothing. The client gets `code` and `text`. The app server gets a Close, unless
    /// it closed the connection itself. Code 0 and an empty text mean what the table of reasons says.
    void close(CloseReason why, std::uint16_t code = 0, protocol::Bytes text = {});

    bool has_ended() const noexcept { return state_ == State::closing || state_ == State::closed; }

  private:
    friend class SessionTable;
    struct Incoming;

    enum class State : std::uint8_t {
        asking,   // the upgrade waits for the app's answer; nothing may come from the client
        open,     // both directions
        closing,  // told to end: the outbox goes out, what the client sends is read for its close frame only
        closed,   // the socket is closed; here until the app can be told, or the turn ends
    };
    enum class Content : std::uint8_t {
        own,      // for this client alone, never dropped
        fan_out,  // the route's policy may drop it
    };

    void on_ready(std::uint32_t events) override;
    void on_turn_end() override;
    void on_deadline(net::Clock::time_point now) override;
    void pause(PauseReason reason) override;
    void resume(PauseReason reason) override;
    void close_for(CloseReason why) override { close(why); }
    void on_app_told() override;

    void read();
    void on_message(protocol::PayloadKind kind, protocol::Bytes payload);
    void on_client_close(std::uint16_t code, protocol::Bytes reason);
    void enter_directory(std::optional<protocol::Bytes> user);
    void answer_upgrade(const UpgradeRequest& request, protocol::Bytes subprotocol);

    Outbox& outbox();
    template <class Add>
    void add_control(Add add);
    bool fits(std::size_t bytes) const;
    bool make_room(std::size_t bytes, Content content);
    bool drop_waiting();
    void queued(std::size_t before);
    void send_ping();
    void flush();

    void end_client_side(CloseReason why, std::uint16_t code, protocol::Bytes text);
    void finish();
    void leave_table();
    void wake_by(net::Clock::time_point when);
    net::Clock::time_point next_deadline(net::Clock::time_point now) const;

    // What every message touches stands close together: with thousands of clients a session is rarely in the cache.
    SessionHome& home_;
    const RoutePtr route_;  // holds the generation that its settings are of
    WebSocketTransport transport_;
    net::Poller::Token token_;
    Attachment attachment_;
    std::unique_ptr<Outbox> outbox_;  // null while nothing waits for the client
    std::uint32_t table_index_ = 0;
    State state_ = State::asking;
    net::PauseReasons<PauseReason> paused_;
    net::CrossedWaits waits_;
    bool readable_ : 1 = false;  // an edge came that was not read to the end
    bool hung_up_ : 1 = false;   // the client has closed its side; unread bytes may come before the end
    bool can_write_ : 1 = true;
    bool close_seen_ : 1 = false;            // closing: nothing more is expected of the client
    bool backlog_ : 1 = false;               // over a quarter of the outbox limit, below an eighth not yet
    bool pinged_ : 1 = false;                // and nothing heard since
    net::Clock::time_point heard_{};         // anything from the client
    net::Clock::time_point last_message_{};  // in either direction
    // Asking: its beginning. Open: when the pending message began. Closing: when the close frame was written.
    net::Clock::time_point since_{};
    net::Clock::time_point leaves_at_{};  // max_connection_age

    ConnectionTicket ticket_;
    std::unique_ptr<UpgradeRequest> asking_;  // only in state asking: what is to be answered
};

/// Adds a control entry (ping, close, HTTP answer) by `add(Outbox&)`. The limit does not apply, for these are small.
template <class Add>
void Session::add_control(Add add) {
    Outbox& out = outbox();
    const std::size_t before = out.bytes();
    add(out);
    home_.counters.outbox_bytes.add(static_cast<std::int64_t>(out.bytes() - before));
    home_.loop.touch(*this);
}

/// Every idle client pays for it (docs/benchmarks.md).
static_assert(sizeof(Session) <= 296);

}  // namespace trunkline::proxy
