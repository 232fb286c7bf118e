#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <vector>

#include "net/clock.hpp"

namespace trunkline::net {

/// What a poller calls when a socket has become readable, writable, or was ended by its peer.
class PollHandler {
  public:
    virtual ~PollHandler() = default;
    /// `events`: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR. Each is an edge: it is not told again until the
    /// socket was read or written to the end. May remove and destroy this handler.
    virtual void on_ready(std::uint32_t events) = 0;
};

/// One edge-triggered epoll set for all established sockets of a loop, which is what its thread sleeps in.
///
/// Used on its loop only.
class Poller {
  public:
    /// Names a registration; never a pointer, so a late event finds nothing instead of something freed.
    struct Token {
        std::uint32_t slot = 0xffffffff;
        std::uint32_t generation = 0;
    };

    static constexpr int kEventsPerTurn = 256;

    /// What a socket is watched for.
    enum class Watch {
        both,
        input,  ///< not for room to write, which a new socket has: that would be told at once
    };

    Poller();  ///< Throws std::system_error if the kernel gives no epoll descriptor.
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    /// Watches `fd` from now on; what is already there is reported once. The handler must outlive the
    /// registration. On failure `ec` is set and the token is void.
    Token add(int fd, PollHandler& handler, boost::system::error_code& ec, Watch watch = Watch::both);

    /// Forgets the registration. The caller closes the descriptor afterwards, which takes it out of the epoll set.
    void remove(Token token) noexcept;

    /// Forgets the registration of a descriptor that stays open: nobody watches it from now on.
    void release(Token token, int fd) noexcept;

    /// Calls the handler again with EPOLLIN in the next turn: it has not read to the end, and others come first.
    void again(Token token) { again_.push_back(token); }

    /// Watches another epoll set too, for as long as something in it is ready.
    void watch(int epoll, boost::system::error_code& ec);
    /// Whether the last `wait` found something ready there.
    bool is_watched_ready() const noexcept { return is_watched_ready_; }

    /// Waits until something is ready, `longest` at the most: not at all if that is zero or a handler asked for another
    /// turn, without end if it is the maximum.
    void wait(Clock::duration longest);

    /// Whether the last `wait` found as many as it may: others have waited for their turn, and may wait longer.
    bool is_behind() const noexcept { return is_behind_; }

    /// Whether `dispatch` has anybody to call.
    bool has_found() const noexcept { return found_ > (is_watched_ready_ ? 1 : 0) || !again_.empty(); }

    /// Calls the handlers of what `wait` has found, at most kEventsPerTurn, and those that asked for another turn.
    /// Returns whether there may be more at once.
    bool dispatch();

  private:
    struct Entry {
        PollHandler* handler = nullptr;
        std::uint32_t generation = 0;
        std::uint32_t next_free = 0;
    };

    void call(Token token, std::uint32_t events);

    int epoll_ = -1;
    std::array<epoll_event, kEventsPerTurn> events_;  // that `wait` has found
    int found_ = 0;
    bool is_watched_ready_ = false;
    bool is_behind_ = false;
    std::vector<Entry> entries_;
    std::uint32_t first_free_ = 0xffffffff;
    std::vector<Token> again_;
    std::vector<Token> again_now_;
};

}  // namespace trunkline::net
