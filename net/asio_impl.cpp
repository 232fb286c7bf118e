// Asio and Beast are compiled here once; everybody else sees declarations.
#include "net/asio.hpp"
#include "net/reactor_wait.hpp"

#include <sys/epoll.h>

#include <utility>

namespace trunkline::net {
namespace {

thread_local ReactorWait* reactor_wait = nullptr;

}  // namespace

int wait_for_reactor(int reactor, epoll_event* events, int count, int timeout_ms) {
    if (reactor_wait == nullptr) return ::epoll_wait(reactor, events, count, timeout_ms);
    return reactor_wait->wait(reactor, events, count, timeout_ms);
}

ReactorWait* exchange_reactor_wait(ReactorWait* wait) noexcept { return std::exchange(reactor_wait, wait); }

}  // namespace trunkline::net

// Of all that Asio does, only its reactor calls epoll_wait.
#define epoll_wait trunkline::net::wait_for_reactor
#include <boost/asio/impl/src.hpp>
#undef epoll_wait

#include <boost/beast/src.hpp>
