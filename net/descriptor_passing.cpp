#include "net/descriptor_passing.hpp"

#include <sys/socket.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

#include "net/last_error.hpp"

namespace trunkline::net {
namespace {

using Control = std::array<char, CMSG_SPACE(sizeof(int) * kMaxPassedDescriptors)>;

}  // namespace

protocol::Result<void> send_descriptors(int socket, char byte, std::span<const int> descriptors) {
    assert(descriptors.size() <= kMaxPassedDescriptors);
    iovec bytes{&byte, 1};
    alignas(cmsghdr) Control control{};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    }
    ssize_t sent = 0;
    do {
        sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return last_error();
    return protocol::success();
}

protocol::Result<PassedDescriptors> receive_descriptors(int socket) {
    PassedDescriptors passed;
    iovec bytes{&passed.byte, 1};
    alignas(cmsghdr) Control control{};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t received = 0;
    do {
        received = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received < 0) return last_error();
    if (received == 0) return boost::system::errc::make_error_code(boost::system::errc::connection_aborted);
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        std::array<int, kMaxPassedDescriptors> found;
        const std::size_t size = header->cmsg_len - CMSG_LEN(0);
        std::memcpy(found.data(), CMSG_DATA(header), size);
        for (std::size_t i = 0; i < size / sizeof(int); ++i) passed.descriptors.emplace_back(found[i]);
    }
    // Out of descriptors: those that did not fit are lost, and their sockets with them.
    if ((message.msg_flags & MSG_CTRUNC) != 0) {
        return boost::system::errc::make_error_code(boost::system::errc::too_many_files_open);
    }
    return passed;
}

}  // namespace trunkline::net
