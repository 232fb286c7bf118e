#include "net/byte_stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "net/sys_io.hpp"

namespace trunkline::net {
namespace {

using Status = IoResult::Status;
using Wait = IoResult::Wait;

IoResult failure(int error, Wait own) noexcept {
    if (error == EAGAIN || error == EWOULDBLOCK) return {.status = Status::would_block, .waits_for = own, .error = {}};
    return {.status = Status::failed, .error = {error, boost::system::system_category()}};
}

}  // namespace

IoResult ByteStream::read_some(std::span<char> into) noexcept {
    for (;;) {
        const ssize_t n = sys_io::receive(fd_, into.data(), into.size());
        if (n > 0) {
            const auto bytes = static_cast<std::size_t>(n);
            return {.drained = bytes < into.size(), .bytes = bytes, .error = {}};
        }
        if (n == 0) return {.status = Status::end, .error = {}};
        if (errno != EINTR) return failure(errno, Wait::readable);
    }
}

IoResult ByteStream::write_some(std::span<const std::string_view> pieces) noexcept {
    iovec vectors[kMaxPieces];
    const std::size_t count = std::min(pieces.size(), kMaxPieces);
    for (std::size_t i = 0; i < count; ++i) {
        vectors[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
    }
    for (;;) {
        const ssize_t n = sys_io::send(fd_, vectors, count);
        if (n >= 0) return {.bytes = static_cast<std::size_t>(n), .error = {}};
        if (errno != EINTR) return failure(errno, Wait::writable);
    }
}

void ByteStream::defer_ack() noexcept {
    constexpr int kOff = 0;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_QUICKACK, &kOff, sizeof kOff);
}

boost::system::error_code ByteStream::shutdown_send() noexcept {
    if (::shutdown(fd_, SHUT_WR) == 0) return {};
    return {errno, boost::system::system_category()};
}

void ByteStream::close() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace trunkline::net
