#pragma once

#include <chrono>
#include <memory>

#include "net/byte_stream.hpp"
#include "net/crossed_waits.hpp"
#include "net/link/link_handshake.hpp"
#include "net/loop.hpp"
#include "trunkline/protocol/lane/lane.hpp"

namespace trunkline::net {

class Link;

/// Whom a link belongs to: the pool of its lane, on either side.
class LinkOwner {
  public:
    virtual ~LinkOwner() = default;
    /// The handshake is done; `link.lane()` is attached.
    virtual void on_link_attached(Link& link) = 0;
    /// Bytes for the lane: the owner calls `lane.receive`. An error ends the link with it.
    virtual protocol::Result<void> on_link_chunk(Link& link, protocol::Bytes chunk) = 0;
    /// The link has ended by itself: an error, the peer, or silence. Called once, and not after `close`. The owner
    /// buries the link (`Loop::bury`).
    virtual void on_link_ended(Link& link, const boost::system::error_code& why) = 0;
};

/// Whether a link that ended so was closed at the other end, rather than silent or out of reach.
bool is_closed_by_peer(const boost::system::error_code& why) noexcept;

/// What a Bye says of a pool that ends for this error of one of its links or lanes.
protocol::ByeCode bye_code(const boost::system::error_code& error) noexcept;

struct LinkTimes {
    std::chrono::milliseconds handshake{5'000};    ///< for all of it
    std::chrono::milliseconds dead_after{15'000};  ///< a link that brings no byte for so long has ended
    std::chrono::microseconds linger{0};           ///< data waits at most so long for more to be written with
};

/// One live socket that carries a lane: reads a chunk, hands it to the lane, gathers the lane's output into one write
/// at the end of the turn. Life: handshake, attached, closed; never reopened. Owned by the lane's pool, on its loop.
class Link final : public PollHandler, public TurnHook {
  public:
    Link(Loop& loop, ByteStream stream, std::unique_ptr<LinkHandshake> handshake, LinkOwner& owner,
         const LinkTimes& times);
    ~Link() override;

    /// Begins the handshake; its end or its failure is told to the owner, never from within this call.
    void start();

    /// The lane was given something to send: it leaves when this turn ends, with all that lingers.
    void touch() {
        must_write_ = true;
        loop_.touch(*this);
    }

    /// The lane was given `bytes` of data, which may linger: they leave when the first of them has waited for
    /// `times.linger`, when enough have gathered, or with anything else that leaves.
    void touch_data(std::size_t bytes);

    /// Closes at once, after one try to write what the lane has for it. The owner is not told.
    void close();

    bool is_attached() const noexcept { return state_ == State::attached; }
    /// Null before the handshake is done.
    protocol::Lane* lane() const noexcept { return lane_; }

  private:
    enum class State : unsigned char {
        handshake,  // frames go to the handshake
        attached,   // frames go to the lane
        closed,
    };

    void on_ready(std::uint32_t events) override;
    void on_turn_end() override;
    void on_deadline(Clock::time_point now);
    void on_lingered(Clock::time_point now);

    bool lingers();
    void read(bool to_the_end);
    protocol::Result<void> take(protocol::Bytes chunk);
    protocol::Result<void> greet(protocol::Bytes chunk);
    void write();
    bool write_greeting();
    void wait_for_room(const IoResult& out);
    void schedule();
    void end(const boost::system::error_code& why);
    void shut();

    Loop& loop_;
    ByteStream stream_;
    LinkOwner& owner_;
    const LinkTimes times_;
    State state_ = State::handshake;
    bool can_write_ = true;
    CrossedWaits waits_;
    Poller::Token token_;
    std::unique_ptr<LinkHandshake> handshake_;
    protocol::Lane* lane_ = nullptr;
    protocol::Buffer greeting_in_;   // of the handshake: a frame that is not whole
    protocol::Buffer greeting_out_;  // of the handshake: not yet written
    bool must_write_ = false;        // at the end of this turn, even if all there is is data
    std::size_t lingering_ = 0;      // bytes of data since the last write
    Clock::time_point lingers_until_{};
    Clock::time_point heard_{};  // or created
    MemberHook<&Link::on_deadline> deadline_{*this};
    MemberHook<&Link::on_lingered> lingered_{*this};
};

}  // namespace trunkline::net
