#include "tests/bench/bare_server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace trunkline::bench {
namespace {

int checked(int result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::system_category(), what);
    return result;
}

/// The value of the header `name` ("key: "), any case, in a request head.
std::string header(const std::string& head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
        if (strncasecmp(head.c_str() + at + 2, name.data(), name.size()) != 0) continue;
        const auto begin = at + 2 + name.size();
        return head.substr(begin, head.find("\r\n", begin) - begin);
    }
    return {};
}

std::string accept_for(std::string key) {
    key += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, 20> digest;
    static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    EVP_Digest(key.data(), key.size(), digest.data(), nullptr, sha1, nullptr);
    std::array<unsigned char, 32> text;
    EVP_EncodeBlock(text.data(), digest.data(), digest.size());
    return reinterpret_cast<const char*>(text.data());
}

}  // namespace

void append_frame(std::string& out, unsigned char opcode, std::string_view payload) {
    out += static_cast<char>(0x80 | opcode);
    if (payload.size() < 126) {
        out += static_cast<char>(payload.size());
    } else {
        out += {126, static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size() & 0xff)};
    }
    out += payload;
}

BareServer::BareServer(std::uint16_t port, Handler& handler)
    : handler_(handler),
      listener_(checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket")),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    checked(::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at), "bind");
    checked(::listen(listener_, 4096), "listen");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = listener_;
    checked(::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event), "epoll_ctl");
}

void BareServer::turn(int wait_ms) {
    std::array<epoll_event, 256> events;
    const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms);
    for (int i = 0; i < n; ++i) {
        const auto& ready = events[static_cast<std::size_t>(i)];
        const int fd = ready.data.fd;
        if (fd == listener_) {
            accept_all();
            continue;
        }
        if (!clients_[static_cast<std::size_t>(fd)].is_there) continue;
        if ((ready.events & EPOLLOUT) != 0) flush(fd);
        if ((ready.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) on_readable(fd);
    }
}

void BareServer::accept_all() {
    const int on = 1;
    for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const auto index = static_cast<std::size_t>(fd);
        if (clients_.size() <= index) clients_.resize(index + 1);
        clients_[index].is_there = true;
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | static_cast<std::uint32_t>(EPOLLET);
        event.data.fd = fd;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
}

void BareServer::drop(int fd) {
    auto& client = clients_[static_cast<std::size_t>(fd)];
    const bool was_open = client.is_open;
    client = Client{};
    ::close(fd);
    if (was_open) handler_.on_closed(fd);
}

void BareServer::send(int fd, std::string_view frames) {
    auto& client = clients_[static_cast<std::size_t>(fd)];
    if (client.out.empty()) {
        const auto n = ::send(fd, frames.data(), frames.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN) return;  // its end is on its way
        if (n > 0) frames.remove_prefix(static_cast<std::size_t>(n));
    }
    client.out += frames;
}

void BareServer::flush(int fd) {
    auto& client = clients_[static_cast<std::size_t>(fd)];
    if (client.out.empty()) return;
    const std::string out = std::exchange(client.out, {});
    send(fd, out);
}

void BareServer::on_readable(int fd) {
    const auto n = ::recv(fd, block_.data(), block_.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return drop(fd);
    const auto size = static_cast<std::size_t>(n);
    auto& client = clients_[static_cast<std::size_t>(fd)];
    if (client.is_open && client.in.empty()) {
        const auto used = read_frames(fd, block_.data(), size);
        if (used < 0) return drop(fd);
        client.in.assign(block_.data() + used, size - static_cast<std::size_t>(used));
        return;
    }
    client.in.append(block_.data(), size);
    if (!client.is_open) upgrade(fd);
    if (!client.is_open) return;
    const auto used = read_frames(fd, client.in.data(), client.in.size());
    if (used < 0) return drop(fd);
    client.in.erase(0, static_cast<std::size_t>(used));
    if (client.in.empty()) client.in = std::string();
}

void BareServer::upgrade(int fd) {
    auto& client = clients_[static_cast<std::size_t>(fd)];
    const auto end = client.in.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const std::string head = client.in.substr(0, end);
    client.in.erase(0, end + 4);
    client.is_open = true;
    send(fd, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
                 accept_for(header(head, "sec-websocket-key: ")) + "\r\n\r\n");
    const auto begin = head.find(' ') + 1;
    handler_.on_open(fd, std::string_view(head).substr(begin, head.find(' ', begin) - begin));
}

/// Takes the whole frames from `bytes`, unmasking in place, and returns how many bytes they were; -1: close.
std::ptrdiff_t BareServer::read_frames(int fd, char* bytes, std::size_t size) {
    std::size_t at = 0;
    while (size - at >= 6) {
        const auto* p = reinterpret_cast<unsigned char*>(bytes + at);
        std::size_t length = p[1] & 0x7f;
        std::size_t head = 6;
        if (length == 126) {
            length = static_cast<std::size_t>(p[2] << 8 | p[3]);
            head = 8;
        } else if (length == 127) {
            return -1;
        }
        if (size - at < head + length) break;
        const unsigned char opcode = p[0] & 0x0f;
        const char* mask = bytes + at + head - 4;
        char* payload = bytes + at + head;
        for (std::size_t i = 0; i < length; ++i) payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
        if (opcode == 8) return -1;
        if (opcode <= 2) handler_.on_message(fd, opcode, {payload, length});
        at += head + length;
    }
    return static_cast<std::ptrdiff_t>(at);
}

}  // namespace trunkline::bench
