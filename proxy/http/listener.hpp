#pragma once

#include "config/settings.hpp"
#include "net/listen_socket.hpp"
#include "net/loop.hpp"
#include "proxy/http/connection_limits.hpp"
#include "proxy/http/http_sessions.hpp"
#include "proxy/http/token_bucket.hpp"

namespace trunkline::proxy {

/// Where clients arrive: takes them from one listening socket and gives them to the worker's HttpSessions. Owned by its
/// worker, on its loop. Like everything that waits on a loop it is destroyed only when the loop runs no more.
///
/// Over the accept rate, or when the process is out of descriptors, it pauses: clients wait in the kernel's queue.
class Listener {
  public:
    /// At most so many clients are taken before others have their turn.
    static constexpr int kMaxBatch = 64;

    Listener(net::Loop& loop, net::ListenSocket socket, const config::LimitSettings& limits,
             ConnectionLimits& admission, HttpSessions& sessions);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// Begins to take clients.
    void start();

    /// What becomes of clients that wait in the socket.
    enum class Waiting {
        take,   // now, for the end of a listening socket resets them
        leave,  // to another process that has the socket too
    };

    /// Takes no more clients and closes its descriptor. Idempotent.
    void stop(Waiting waiting);

    /// Where it listens, with the port that the kernel gave.
    const net::Endpoint& local() const noexcept { return socket_.local(); }

  private:
    enum class State { idle, waiting, paused, stopped };
    enum class Taken { one, none, failed };

    void wait();
    void on_readable();
    void pause_until(net::Clock::time_point when);
    void on_resume(net::Clock::time_point now);
    Taken take_one();
    void on_exhausted(const boost::system::error_code& error);

    net::Loop& loop_;
    net::ListenSocket socket_;
    net::Descriptor readable_;  // watches socket_, does not own it
    ConnectionLimits& admission_;
    HttpSessions& sessions_;
    TokenBucket rate_;
    net::MemberHook<&Listener::on_resume> resume_{*this};
    State state_ = State::idle;
    bool is_exhausted_ = false;  // logged once, until a client could be taken again
};

}  // namespace trunkline::proxy
