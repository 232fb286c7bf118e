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

IoResult failure(int error) noexcept {
    if (error == EAGAIN || error == EWOULDBLOCK) return {IoResult::Status::would_block, 0, {}};
    return {IoResult::Status::failed, 0, {error, boost::system::system_category()}};
}

}  // namespace

IoResult ByteStream::read_some(std::span<char> into) noexcept {
    for (;;) {
        const ssize_t n = sys_io::receive(fd_, into.data(), into.size());
        if (n > 0) return {IoResult::Status::ok, static_cast<std::size_t>(n), {}};
        if (n == 0) return {IoResult::Status::end, 0, {}};
        if (errno != EINTR) return failure(errno);
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
        if (n >= 0) return {IoResult::Status::ok, static_cast<std::size_t>(n), {}};
        if (errno != EINTR) return failure(errno);
    }
}

void ByteStream::defer_ack() noexcept {
    constexpr int kOff = 0;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_QUICKACK, &kOff, sizeof kOff);
}

void ByteStream::close() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace trunkline::net
