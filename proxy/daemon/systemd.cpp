#include "proxy/daemon/systemd.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "net/unique_fd.hpp"

namespace trunkline::proxy {

namespace {

constexpr int kFirstDescriptor = 3;  // SD_LISTEN_FDS_START

/// The number in an environment variable; 0 where there is none.
std::int64_t number(const char* name) {
    const char* text = std::getenv(name);
    std::int64_t value = 0;
    if (text != nullptr) std::from_chars(text, text + std::strlen(text), value);
    return value;
}

}  // namespace

std::vector<net::ListenSocket> sockets_from_systemd() {
    std::vector<net::ListenSocket> sockets;
    const auto count = number("LISTEN_PID") == ::getpid() ? number("LISTEN_FDS") : 0;
    ::unsetenv("LISTEN_PID");
    for (int fd = kFirstDescriptor; fd < kFirstDescriptor + count; ++fd) {
        auto socket = net::ListenSocket::adopt(net::UniqueFd(fd));
        if (!socket)
            throw std::runtime_error("descriptor " + std::to_string(fd) +
                                     " of LISTEN_FDS: " + socket.error().message());
        sockets.push_back(std::move(socket).value());
    }
    return sockets;
}

std::optional<std::chrono::microseconds> watchdog_interval() {
    const std::chrono::microseconds timeout(number("WATCHDOG_USEC"));
    if (timeout.count() <= 1) return std::nullopt;
    return timeout / 2;
}

void notify_systemd(std::string_view state) noexcept {
    const char* path = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
    const std::size_t length = std::strlen(path);
    if (length >= sizeof address.sun_path) return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = '\0';  // the abstract name space
    const net::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return;
    ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&address),
             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
}

}  // namespace trunkline::proxy
