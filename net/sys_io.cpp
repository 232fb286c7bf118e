#include "net/sys_io.hpp"

#include <sys/socket.h>

namespace trunkline::net::sys_io {

ssize_t receive(int fd, void* data, std::size_t size) noexcept { return ::recv(fd, data, size, MSG_DONTWAIT); }

ssize_t send(int fd, const iovec* pieces, std::size_t count) noexcept {
    if (count == 1) return ::send(fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces);
    message.msg_iovlen = count;
    return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace trunkline::net::sys_io
