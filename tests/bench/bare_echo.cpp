// bare_echo: the least a WebSocket server can be, to stand behind nginx in the benchmarks: one thread, one epoll set,
// every message is echoed, one that begins with `B` is sent to all. No limits, no checks: not for any other use.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Client {
    int fd = -1;
    bool open = false;  // the upgrade was answered
    std::string in;     // an incomplete request head or frame
    std::string out;    // what the socket did not take
};

std::vector<Client> clients;  // by descriptor
std::array<char, 256 << 10> block;

void drop(Client& client) {
    ::close(client.fd);
    client = Client{};
}

void write(Client& client, std::string_view bytes) {
    if (client.out.empty()) {
        const auto n = ::send(client.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN) {
            return;
        }  // its end is on its way
        if (n > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    client.out += bytes;
}

void flush(Client& client) {
    if (client.out.empty()) {
        return;
    }
    std::string out = std::move(client.out);
    client.out = std::string();
    write(client, out);
}

void upgrade(Client& client) {
    const auto end = client.in.find("\r\n\r\n");
    if (end == std::string::npos) {
        return;
    }
    static constexpr std::string_view kName = "sec-websocket-key: ";
    std::string key;
    for (std::size_t i = 0; i + kName.size() < end; ++i) {
        if (strncasecmp(client.in.c_str() + i, kName.data(), kName.size()) == 0) {
            key = client.in.substr(i + kName.size(), client.in.find("\r\n", i) - i - kName.size());
            break;
        }
    }
    key += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, 20> digest;
    static const EVP_MD* sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    EVP_Digest(key.data(), key.size(), digest.data(), nullptr, sha1, nullptr);
    std::array<unsigned char, 32> accept;
    EVP_EncodeBlock(accept.data(), digest.data(), digest.size());
    client.open = true;
    client.in.erase(0, end + 4);
    write(client,
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
              std::string(reinterpret_cast<char*>(accept.data())) + "\r\n\r\n");
}

void on_message(Client& client, unsigned char opcode, std::string_view payload) {
    std::array<char, 4> head{static_cast<char>(0x80 | opcode), static_cast<char>(payload.size())};
    std::size_t head_size = 2;
    if (payload.size() > 125) {
        head = {head[0], 126, static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size() & 0xff)};
        head_size = 4;
    }
    static std::string frame;
    frame.assign(head.data(), head_size);
    frame += payload;
    if (payload.empty() || payload[0] != 'B') {
        return write(client, frame);
    }
    for (auto& other : clients) {
        if (other.open) {
            write(other, frame);
        }
    }
}

/// Takes the whole frames from `bytes` (unmasking in place) and returns how many bytes they were; -1: close.
std::ptrdiff_t read_frames(Client& client, char* bytes, std::size_t size) {
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
        if (size - at < head + length) {
            break;
        }
        const unsigned char opcode = p[0] & 0x0f;
        char* mask = bytes + at + head - 4;
        char* payload = mask + 4;
        for (std::size_t i = 0; i < length; ++i) {
            payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
        }
        if (opcode == 8) {
            return -1;
        }
        if (opcode <= 2) {
            on_message(client, opcode, {payload, length});
        }
        at += head + length;
    }
    return static_cast<std::ptrdiff_t>(at);
}

void on_readable(Client& client) {
    const auto n = ::recv(client.fd, block.data(), block.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        return drop(client);
    }
    const auto size = static_cast<std::size_t>(n);
    if (client.open && client.in.empty()) {
        const auto used = read_frames(client, block.data(), size);
        if (used < 0) {
            return drop(client);
        }
        client.in.assign(block.data() + used, size - static_cast<std::size_t>(used));
        return;
    }
    client.in.append(block.data(), size);
    if (!client.open) {
        upgrade(client);
    }
    if (!client.open) {
        return;
    }
    const auto used = read_frames(client, client.in.data(), client.in.size());
    if (used < 0) {
        return drop(client);
    }
    client.in.erase(0, static_cast<std::size_t>(used));
    if (client.in.empty()) {
        client.in = std::string();
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: bare_echo PORT\n");
        return 64;
    }
    std::signal(SIGPIPE, SIG_IGN);
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
    if (bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || listen(listener, 4096) != 0) {
        std::perror("bare_echo: listen");
        return 1;
    }
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = listener;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    std::array<epoll_event, 256> events;
    while (true) {
        const int n = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < n; ++i) {
            const auto& ready = events[static_cast<std::size_t>(i)];
            if (ready.data.fd == listener) {
                for (int fd = 0; (fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                    if (clients.size() <= static_cast<std::size_t>(fd)) {
                        clients.resize(static_cast<std::size_t>(fd) + 1);
                    }
                    clients[static_cast<std::size_t>(fd)].fd = fd;
                    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
                    event.data.fd = fd;
                    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
                }
                continue;
            }
            auto& client = clients[static_cast<std::size_t>(ready.data.fd)];
            if (client.fd < 0) {
                continue;
            }
            if ((ready.events & EPOLLOUT) != 0) {
                flush(client);
            }
            if ((ready.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
                on_readable(client);
            }
        }
    }
}
