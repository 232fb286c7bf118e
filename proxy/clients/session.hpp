#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "config/settings.hpp"
#include "net/byte_stream.hpp"
#include "net/loop.hpp"
#include "net/pause.hpp"
#include "net/shared_bytes.hpp"
#include "proxy/directory/directory.hpp"
#include "proxy/http/upgrade_sink.hpp"
#include "proxy/metrics/counters.hpp"
#include "proxy/clients/close_reason.hpp"
#include "proxy/clients/outbox.hpp"
#include "proxy/attachments/departed.hpp"
#include "trunkline/protocol/ids.hpp"
#include "trunkline/protocol/websocket/frame_reader.hpp"

namespace trunkline::proxy {

class PoolLane;
class SessionTable;
class HeldConnection;
class Upstream;

/// What all sessions of a worker share. Owned by the worker, outlives them.
struct SessionHome {
    net::Loop& loop;
    const config::Settings& settings;
    WorkerCounters& counters;
    SessionTable& sessions;
    OutboxPool outboxes{};
};

/// Where a connection lives on the app server's side: its chan, and the lane that carries it.
struct Binding {
    PoolLane* lane = nullptr;  ///< null: the pool has ended, or the connection with it
    protocol::Chan chan{};
};

/// What an upstream gave a new connection.
struct Opened {
    Binding binding;
    protocol::ConnectionId id;
    std::uint8_t key = 0;
};

/// One client's logical connection, from the upgrade to its end: reads frames from the socket and sends them on its
/// lane, takes what the app server sends and writes it to the socket once per turn. It holds no buffer and no pending
/// operation while idle, and one deadline.
///
/// Owned by its worker's SessionTable, used on its loop, freed at the end of the turn in which it closed. Others refer
/// to it within a turn only, or by chan, or unregister with its end (directory, waiting lists of its lane).
class Session final : public net::PollHandler, public net::TurnHook, public Member {
  public:
    Session(SessionHome& home, Upstream& upstream, const config::RouteSettings& route);
    ~Session() override;

    /// The Open is in the ring of its lane: takes the socket over, and either answers the upgrade and is open
    /// (in the directory from now on), or waits for the app's answer.
    void start(Upgraded client, const Opened& opened);

    // --- From the app server; harmless for a session that is closing ---

    /// Accept: the answer to `ask`, else a user and groups that come with the first frame.
    void on_accept(std::optional<protocol::Bytes> user, const std::vector<protocol::Bytes>& groups,
                   std::optional<protocol::Bytes> subprotocol);
    /// One message for this client.
    void deliver(protocol::PayloadKind kind, protocol::Bytes payload);
    /// One copy of a fan-out: a whole WebSocket frame of `payload_bytes` and its header.
    void deliver(const net::SharedBytes& frame, std::size_t payload_bytes);
    /// Stop or go on reading this client.
    void on_app_pause(bool on);
    /// Close of its own app server: a close code, or before the upgrade was answered an HTTP status.
    void on_app_close(std::uint16_t code, protocol::Bytes reason);

    // --- Ends ---

    /// The pool of its lane has ended: the connection is held until it has an app server again, or else the client is
    /// told `why` and the app nothing.
    void on_pool_ended(CloseReason why, bool may_hold);
    /// Its app server is draining: moves to another one.
    void move();
    bool is_told_to_move() const noexcept { return has_ended() || (moving_ && !detach_untold_); }
    /// Its app server has sent the last for this connection.
    void on_detached();
    /// It was held, and is open at an app server again.
    void on_placed(const Binding& binding);
    /// It was held, and no app server is left for it.
    void give_up(CloseReason why);
    /// What it takes to open it again; none where that does not happen.
    OpenRecord& record() noexcept { return record_; }

    /// The one way out; later calls do nothing. The client gets `code` and `text`, the app a Close unless it was its
    /// own. Zero and empty stand for what the table of reasons says.
    void close(CloseReason why, std::uint16_t code = 0, protocol::Bytes text = {});

    /// The lane has room again: what waited for it goes on.
    void on_lane_room();
    /// The app server has handled more of this lane.
    void on_acknowledged();
    /// Its pool was resized: this is its home lane from now on. No lane has it on a waiting list.
    void on_resized(PoolLane& home);

    bool has_ended() const noexcept { return state_ == State::closing || state_ == State::closed; }
    const config::RouteSettings& route() const noexcept { return route_; }

  private:
    friend class SessionTable;
    struct Incoming;

    enum class State : std::uint8_t {
        asking,   // the upgrade waits for the app's answer; nothing may come from the client
        open,     // both directions
        closing,  // told to end: the outbox goes out, what the client sends is read for its close frame only
        closed,   // the socket is closed; here until the app can be told, or the turn ends
    };
    enum class PauseReason : std::uint8_t {
        lane_full,
        share,  // of its lane: too much of this client waits to be handled
        app,
        moving,  // to another app server
        held,    // without an app server, and has said much since
    };

    enum class Content : std::uint8_t {
        own,      // for this client alone, never dropped
        fan_out,  // the route's policy may drop it
    };

    /// What only the time between Open and Accept needs.
    struct Asking {
        UpgradeRequest request;
        Opened opened;
    };

    void on_ready(std::uint32_t events) override;
    void on_turn_end() override;
    void on_deadline(net::Clock::time_point now);

    void read();
    void on_message(protocol::PayloadKind kind, protocol::Bytes payload);
    void on_client_close(std::uint16_t code, protocol::Bytes reason);
    void look_for_room();
    std::size_t room_for_reading() const noexcept;
    void count_share(std::size_t payload_bytes);
    std::size_t share_left() const noexcept;
    void pause(PauseReason reason);
    void go_on(PauseReason reason);

    void enter_directory(const Opened& opened, std::optional<protocol::Bytes> user);
    void answer_upgrade(const UpgradeRequest& request, protocol::Bytes subprotocol);

    void hold(HeldConnection& held);
    Departed depart();
    void send_detach();

    Outbox& outbox();
    bool fits(std::size_t bytes) const;
    bool make_room(std::size_t bytes, Content content);
    bool drop_waiting();
    void queued(std::size_t before);
    void send_ping();
    void flush();
    void tell_backlog();

    void wait_for_lane();
    void leave_lane();
    void tell_app_closed(protocol::Bytes reason);
    void end_client_side(CloseReason why, std::uint16_t code, protocol::Bytes text);
    void finish();
    void leave_table();
    void wake_by(net::Clock::time_point when);
    net::Clock::time_point next_deadline(net::Clock::time_point now) const;

    // What every message touches, close together: of thousands of clients each is cold when its turn comes.
    SessionHome& home_;
    const config::RouteSettings& route_;
    net::ByteStream stream_;
    net::Poller::Token token_;
    Binding binding_;
    protocol::websocket::FrameReader reader_;
    std::unique_ptr<Outbox> outbox_;  // null while nothing waits for the client
    State state_ = State::asking;
    net::PauseReasons<PauseReason> paused_;
    bool readable_ : 1 = false;  // an edge came that was not read to the end
    bool hung_up_ : 1 = false;   // the client's end of the stream is there behind what is unread
    bool can_write_ : 1 = true;
    bool close_seen_ : 1 = false;      // closing: nothing more is expected of the client
    bool close_untold_ : 1 = false;    // the lane had no room for our Close
    bool moving_ : 1 = false;          // to another app server: Detached is awaited
    bool detach_untold_ : 1 = false;   // the lane had no room for our Detach
    bool backlog_ : 1 = false;         // over a quarter of the outbox limit, below an eighth not yet
    bool backlog_told_ : 1 = false;    // what the app knows
    bool waits_for_lane_ : 1 = false;  // on its waiting list
    bool awaits_ack_ : 1 = false;      // on the other one
    bool pinged_ : 1 = false;          // and nothing heard since
    // Its share of the lane: the cost of what it sent and the app server has not handled, as far as `share_mark_`, an
    // offset of the lane, and behind it.
    std::uint32_t share_before_ = 0;
    std::uint32_t share_behind_ = 0;
    CloseReason why_{};
    std::uint16_t close_code_ = 0;  // as the app is to be told
    std::uint64_t share_mark_ = 0;
    net::Clock::time_point heard_{};         // anything from the client
    net::Clock::time_point last_message_{};  // in either direction
    net::Clock::time_point since_{};         // asking, closing: its beginning; open: when the pending message began
    net::Clock::time_point leaves_at_{};     // max_connection_age
    net::Clock::time_point progress_{};      // the client took bytes, or there was nothing to take

    Upstream& upstream_;
    HeldConnection* held_ = nullptr;  // while it has no app server
    OpenRecord record_;
    std::unique_ptr<Departed> departed_;  // its end is to be told
    ConnectionTicket ticket_;
    std::uint32_t table_index_ = 0;
    std::unique_ptr<Asking> asking_;  // only between Open and Accept
    net::Clock::time_point wake_ = net::Clock::time_point::max();
    net::MemberHook<&Session::on_deadline> deadline_{*this};
};

}  // namespace trunkline::proxy
