#include "tests/unit/faults/record_layer.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>

#include "net/byte_stream.hpp"

namespace trunkline::tests {
namespace {

bool g_reads_need_room = false;
std::map<int, std::string> g_held;  // by descriptor: taken from its socket and not given out

bool has_room(int fd) {
    pollfd poll{fd, POLLOUT, 0};
    return ::poll(&poll, 1, 0) == 1 && (poll.revents & POLLOUT) != 0;
}

}  // namespace

void RecordLayer::set_reads_need_room(bool on) noexcept { g_reads_need_room = on; }

}  // namespace trunkline::tests

namespace trunkline::net {

using Status = IoResult::Status;
using Wait = IoResult::Wait;

IoResult ByteStream::read_some(std::span<char> into) noexcept {
    if (tests::g_reads_need_room && !tests::has_room(fd_)) {
        return {.status = Status::would_block, .waits_for = Wait::writable, .error = {}};
    }
    std::string& held = tests::g_held[fd_];
    char block[65536];
    ssize_t n = 0;
    while ((n = ::recv(fd_, block, sizeof block, MSG_DONTWAIT)) > 0) held.append(block, static_cast<std::size_t>(n));
    if (held.empty()) {
        if (n == 0) return {.status = Status::end, .error = {}};
        if (errno == EAGAIN) return {.status = Status::would_block, .waits_for = Wait::readable, .error = {}};
        return {.status = Status::failed, .error = {errno, boost::system::system_category()}};
    }
    const auto bytes = std::min({tests::RecordLayer::kRecordBytes, held.size(), into.size()});
    held.copy(into.data(), bytes);
    held.erase(0, bytes);
    return {.bytes = bytes, .error = {}};
}

IoResult ByteStream::write_some(std::span<const std::string_view> pieces) noexcept {
    std::string bytes;
    for (const auto piece : pieces) bytes += piece;
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) return {.bytes = static_cast<std::size_t>(n), .error = {}};
    if (errno == EAGAIN) return {.status = Status::would_block, .waits_for = Wait::writable, .error = {}};
    return {.status = Status::failed, .error = {errno, boost::system::system_category()}};
}

void ByteStream::defer_ack() noexcept {}

boost::system::error_code ByteStream::shutdown_send() noexcept {
    if (::shutdown(fd_, SHUT_WR) == 0) return {};
    return {errno, boost::system::system_category()};
}

void ByteStream::close() noexcept {
    if (fd_ < 0) return;
    tests::g_held.erase(fd_);
    ::close(std::exchange(fd_, -1));
}

}  // namespace trunkline::net
