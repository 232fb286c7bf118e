#include "proxy/daemon/signals.hpp"

#include <boost/asio/buffer.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <utility>

namespace trunkline::proxy {
namespace {

// A handler has no other way to its state. Lock-free atomics may be used in one (C++20 [support.signal]).
std::atomic<int> wake_fd{-1};
std::atomic<bool> was_signalled{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

extern "C" void trunkline_on_stop_signal(int signal) {
    if (was_signalled.exchange(true)) ::_exit(1);
    const int saved_errno = errno;
    const auto number = static_cast<std::uint64_t>(signal);
    [[maybe_unused]] const auto n = ::write(wake_fd.load(), &number, sizeof number);
    errno = saved_errno;
}

void set_handler(int signal, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
}

sigset_t stop_signals() {
    sigset_t both;
    ::sigemptyset(&both);
    ::sigaddset(&both, SIGTERM);
    ::sigaddset(&both, SIGINT);
    return both;
}

int make_eventfd() {
    const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        throw boost::system::system_error(boost::system::error_code(errno, boost::system::system_category()),
                                          "signals: eventfd");
    return fd;
}

}  // namespace

void Signals::hold() {
    const auto both = stop_signals();
    ::pthread_sigmask(SIG_BLOCK, &both, nullptr);
}

Signals::Signals(net::asio::io_context& context, std::function<void(int signal)> on_stop)
    : wake_(context.get_executor(), make_eventfd()), on_stop_(std::move(on_stop)) {
    assert(wake_fd.load() == -1);
    wake_fd.store(wake_.native_handle());
    was_signalled.store(false);
    set_handler(SIGPIPE, SIG_IGN);
    set_handler(SIGTERM, trunkline_on_stop_signal);
    set_handler(SIGINT, trunkline_on_stop_signal);
    wait();
    const auto both = stop_signals();
    ::pthread_sigmask(SIG_UNBLOCK, &both, nullptr);
}

Signals::~Signals() {
    set_handler(SIGTERM, SIG_DFL);
    set_handler(SIGINT, SIG_DFL);
    wake_fd.store(-1);
}

void Signals::wait() {
    // Destroyed while this waits: the handler is called with operation_aborted and looks at nothing else.
    wake_.async_read_some(net::asio::buffer(&signal_, sizeof signal_),
                          [this](const boost::system::error_code& ec, std::size_t) {
                              if (!ec) on_stop_(static_cast<int>(signal_));
                          });
}

}  // namespace trunkline::proxy
