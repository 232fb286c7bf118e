#pragma once

struct epoll_event;

namespace trunkline::net {

/// Who waits in the place of the reactor of an io_context, for the thread that runs it.
class ReactorWait {
  public:
    /// `epoll_wait(reactor, events, count, timeout_ms)`, and whatever else is to be waited for and served meanwhile.
    virtual int wait(int reactor, epoll_event* events, int count, int timeout_ms) = 0;

  protected:
    ~ReactorWait() = default;
};

/// What the reactor of Asio, as asio_impl.cpp compiles it, calls instead of epoll_wait(2). Asio stays as it is in all
/// else: whatever wakes its reactor, from any thread, makes the descriptor `reactor` readable.
int wait_for_reactor(int reactor, epoll_event* events, int count, int timeout_ms);

/// Who waits for the reactors of this thread; nobody: epoll_wait(2) does. Returns who did before.
ReactorWait* exchange_reactor_wait(ReactorWait* wait) noexcept;

}  // namespace trunkline::net
