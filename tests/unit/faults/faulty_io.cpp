#include "tests/unit/faults/faulty_io.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "net/sys_io.hpp"

namespace trunkline::tests {
namespace {

FaultyIo::Fault g_fault = FaultyIo::Fault::none;
std::size_t g_at = 0;
std::size_t g_calls = 0;

bool strikes() noexcept { return g_calls++ == g_at && g_fault != FaultyIo::Fault::none; }

}  // namespace

void FaultyIo::arm(Fault fault, std::size_t at) noexcept {
    g_fault = fault;
    g_at = at;
    g_calls = 0;
}
std::size_t FaultyIo::calls() noexcept { return g_calls; }
bool FaultyIo::has_struck() noexcept { return g_fault != Fault::none && g_calls > g_at; }

}  // namespace trunkline::tests

namespace trunkline::net::sys_io {

using tests::FaultyIo;
using Fault = FaultyIo::Fault;

ssize_t receive(int fd, void* data, std::size_t size) noexcept {
    if (tests::strikes()) {
        switch (tests::g_fault) {
            case Fault::reset: errno = ECONNRESET; return -1;
            case Fault::end: return 0;
            case Fault::interrupted: errno = EINTR; return -1;
            default: break;
        }
    }
    return ::recv(fd, data, size, MSG_DONTWAIT);
}

ssize_t send(int fd, const iovec* pieces, std::size_t count) noexcept {
    msghdr message{};
    iovec one{};
    message.msg_iov = const_cast<iovec*>(pieces);
    message.msg_iovlen = count;
    if (tests::strikes()) {
        switch (tests::g_fault) {
            case Fault::reset: errno = ECONNRESET; return -1;
            case Fault::end: errno = EPIPE; return -1;
            case Fault::interrupted: errno = EINTR; return -1;
            case Fault::one_byte:
                one = {pieces[0].iov_base, 1};
                message.msg_iov = &one;
                message.msg_iovlen = 1;
                break;
            default: break;
        }
    }
    return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace trunkline::net::sys_io
