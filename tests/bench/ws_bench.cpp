// ws_bench: the load side of the benchmarks. One thread, one epoll set, thousands of WebSocket clients over several
// source addresses (one address has only some 28,000 ports). It goes through three phases and waits for a line on
// stdin before each, so that whoever started it can read the servers' CPU and memory exactly between them:
//     connect all clients -> run the scenario -> end
// After each of the first two it prints one line of JSON. Exit code 1: something was lost, reordered or refused.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/load/histogram.hpp"

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
    std::string mode = "echo";  // echo | broadcast | idle
    std::string path = "/echo";
    std::uint16_t port = 8080;
    std::size_t clients = 100;
    std::size_t size = 64;         // payload bytes
    double seconds = 2;            // how long messages are offered
    double rate = 50;              // broadcast: messages per second
    std::size_t concurrency = 64;  // handshakes under way at a time
    double deadline = 60;          // of each phase, on top of `seconds`
};

enum class State : std::uint8_t { idle, connecting, open, closed };

struct Client {
    int fd = -1;
    State state = State::idle;
    bool pending = false;        // echo: a message is under way
    std::uint64_t expected = 0;  // broadcast: the next number
    std::int64_t sent_at = 0;    // echo: when, ns
    std::string spill;           // an incomplete response head or frame
};

double us(std::int64_t ns) { return static_cast<double>(ns) / 1000; }

std::int64_t now_ns() { return Clock::now().time_since_epoch().count(); }

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "ws_bench: %s\n", what.c_str());
    std::exit(1);
}

/// A masked text or binary frame. The mask is constant: the server has the same work with any.
std::string client_frame(unsigned char opcode, std::string_view payload) {
    static constexpr unsigned char kMask[4] = {0x37, 0xfa, 0x21, 0x3d};
    std::string out;
    out += static_cast<char>(0x80 | opcode);
    if (payload.size() < 126) {
        out += static_cast<char>(0x80 | payload.size());
    } else {
        if (payload.size() > 0xffff) {
            fail("size: at most 65535");
        }
        out += static_cast<char>(0x80 | 126);
        out += static_cast<char>(payload.size() >> 8);
        out += static_cast<char>(payload.size() & 0xff);
    }
    out.append(reinterpret_cast<const char*>(kMask), 4);
    for (std::size_t i = 0; i < payload.size(); ++i) {
        out += static_cast<char>(payload[i] ^ kMask[i % 4]);
    }
    return out;
}

class Bench {
  public:
    explicit Bench(const Options& options) : options_(options), clients_(options.clients) {
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = kStdin;
        // A file as stdin cannot be watched; then nobody waits between phases.
        has_stdin_ = epoll_ctl(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, &event) == 0;
        std::string payload(std::max<std::size_t>(options.size, 1), 'e');
        echo_frame_ = client_frame(1, payload);
    }

    int run() {
        wait_for_go();
        connect_all();
        wait_for_go();
        if (options_.mode == "echo") {
            echo();
        }
        if (options_.mode == "broadcast") {
            broadcast();
        }
        if (options_.mode == "idle") {
            std::printf("{\"idle\": true}\n"), std::fflush(stdout);
        }
        wait_for_go();
        return errors_ == 0 ? 0 : 1;
    }

  private:
    static constexpr std::uint64_t kStdin = ~0ull;

    template <class Done>
    void turn_until(Done done, double seconds, const char* what) {
        const auto end = Clock::now() + std::chrono::duration<double>(seconds);
        while (!done()) {
            if (Clock::now() > end) {
                std::fprintf(stderr, "ws_bench: deadline: %s\n", what);
                ++errors_;
                return;
            }
            turn(100);
        }
    }

    void wait_for_go() {
        if (!has_stdin_) {
            return;
        }
        while (lines_ == 0) {
            turn(1000);
        }
        --lines_;
    }

    void turn(int timeout_ms) {
        std::array<epoll_event, 256> events;
        const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
        for (int i = 0; i < n; ++i) {
            const auto& event = events[static_cast<std::size_t>(i)];
            if (event.data.u64 == kStdin) {
                on_stdin();
            } else {
                on_event(clients_[event.data.u64], event.events);
            }
        }
    }

    void on_stdin() {
        std::array<char, 256> text;
        const auto n = ::read(STDIN_FILENO, text.data(), text.size());
        if (n <= 0) {
            std::exit(1);
        }  // whoever started us is gone
        lines_ += std::count(text.data(), text.data() + n, '\n');
    }

    // --- connecting

    void connect_all() {
        const auto started = now_ns();
        turn_until(
            [this] {
                while (next_ < clients_.size() && connecting_ < options_.concurrency) {
                    connect(next_++);
                }
                return open_ + refused_ == clients_.size();
            },
            options_.deadline, "connecting");
        const double seconds = static_cast<double>(now_ns() - started) / 1e9;
        std::printf("{\"connected\": %zu, \"refused\": %zu, \"seconds\": %.6f}\n", open_, refused_, seconds);
        std::fflush(stdout);
    }

    void connect(std::size_t index) {
        auto& client = clients_[index];
        client.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (client.fd < 0) {
            fail(std::string("socket: ") + std::strerror(errno));
        }
        const int on = 1;
        setsockopt(client.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        sockaddr_in from{};
        from.sin_family = AF_INET;
        from.sin_addr.s_addr = htonl(0x7f000001u + static_cast<std::uint32_t>(1 + index / 5000));
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(options_.port);
        bind(client.fd, reinterpret_cast<sockaddr*>(&from), sizeof from);
        if (::connect(client.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) {
            fail(std::string("connect: ") + std::strerror(errno));
        }
        client.state = State::connecting;
        ++connecting_;
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        event.data.u64 = index;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
    }

    void send_head(Client& client) {
        if (client.sent_at != 0) {
            return;
        }
        client.sent_at = now_ns();
        write(client, "GET " + options_.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options_.port) +
                          "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    }

    /// True when the response head was whole; what follows it stays in `spill`.
    void on_head(Client& client, std::string_view bytes) {
        client.spill += bytes;
        const auto end = client.spill.find("\r\n\r\n");
        if (end == std::string::npos) {
            return;
        }
        if (client.spill.compare(0, 12, "HTTP/1.1 101") != 0) {
            if (refused_ == 0) {
                std::fprintf(stderr, "ws_bench: refused: %.60s\n", client.spill.c_str());
            }
            return lose(client);
        }
        client.state = State::open;
        client.sent_at = 0;
        --connecting_;
        ++open_;
        std::string rest = client.spill.substr(end + 4);
        client.spill = std::string();
        if (!rest.empty()) {
            on_bytes(client, rest);
        }
    }

    void lose(Client& client) {
        if (client.state == State::closed) {
            return;
        }
        if (client.state == State::connecting) {
            --connecting_;
            ++refused_;
        } else {
            if (errors_ == 0) {
                std::fprintf(stderr, "ws_bench: a client was closed\n");
            }
            --open_;
            if (client.pending) {
                --pending_;
            }
        }
        ++errors_;
        client.state = State::closed;
        ::close(client.fd);
        client.fd = -1;
    }

    // --- bytes

    void on_event(Client& client, std::uint32_t what) {
        if (client.state == State::closed) {
            return;
        }
        if (client.state == State::connecting && (what & EPOLLOUT) != 0) {
            send_head(client);
        }
        if ((what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) {
            return;
        }
        while (client.state != State::closed) {
            const auto n = ::recv(client.fd, block_.data(), block_.size(), MSG_DONTWAIT);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                return;
            }
            if (n <= 0) {
                return lose(client);
            }
            std::string_view bytes(block_.data(), static_cast<std::size_t>(n));
            if (client.state == State::connecting) {
                on_head(client, bytes);
            } else {
                on_bytes(client, bytes);
            }
            // A short read has drained the socket.
            if (static_cast<std::size_t>(n) < block_.size() && (what & (EPOLLRDHUP | EPOLLHUP)) == 0) {
                return;
            }
        }
    }

    void on_bytes(Client& client, std::string_view bytes) {
        std::string joined;
        if (!client.spill.empty()) {
            joined = std::move(client.spill);
            joined += bytes;
            client.spill = std::string();
            bytes = joined;
        }
        while (bytes.size() >= 2 && client.state == State::open) {
            const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
            std::uint64_t length = byte(1);
            std::size_t head = 2;
            if (length == 126) {
                if (bytes.size() < 4) {
                    break;
                }
                length = static_cast<std::uint64_t>(byte(2) << 8 | byte(3));
                head = 4;
            } else if (length >= 127) {
                return lose(client);  // nothing here is so long; a masked frame looks like it, too
            }
            if (bytes.size() < head + length) {
                break;
            }
            on_frame(client, byte(0), bytes.substr(head, length));
            bytes.remove_prefix(head + length);
        }
        if (client.state == State::open && !bytes.empty()) {
            client.spill = bytes;
        }
    }

    void on_frame(Client& client, unsigned char first, std::string_view payload) {
        const unsigned char opcode = first & 0x0f;
        if (opcode == 9) {
            return write(client, client_frame(10, payload));
        }
        if (opcode == 8) {
            return lose(client);
        }
        if (opcode == 10) {
            return;
        }
        if (options_.mode == "echo") {
            return on_echo(client, payload);
        }
        if (options_.mode == "broadcast") {
            on_broadcast(client, payload);
        }
    }

    void write(Client& client, std::string_view bytes) {
        // Never more than a few small messages are under way, so a full socket buffer is an error, not a state.
        const auto n = ::send(client.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n != static_cast<ssize_t>(bytes.size())) {
            lose(client);
        }
    }

    // --- echo

    void send_echo(Client& client) {
        client.pending = true;
        ++pending_;
        client.sent_at = now_ns();
        write(client, echo_frame_);
    }

    void on_echo(Client& client, std::string_view payload) {
        if (!client.pending || payload.size() != std::max<std::size_t>(options_.size, 1) || payload.back() != 'e') {
            std::fprintf(stderr, "ws_bench: not the echo of what was sent\n");
            return lose(client);
        }
        const auto now = now_ns();
        latencies_.record(now - client.sent_at);
        client.pending = false;
        --pending_;
        ++received_;
        if (now < end_) {
            send_echo(client);
        }
    }

    void echo() {
        const auto started = now_ns();
        end_ = started + static_cast<std::int64_t>(options_.seconds * 1e9);
        for (auto& client : clients_) {
            if (client.state == State::open) {
                send_echo(client);
            }
        }
        turn_until([this] { return pending_ == 0; }, options_.seconds + options_.deadline, "echoes");
        report(started, received_ + pending_);
    }

    // --- broadcast

    void on_broadcast(Client& client, std::string_view payload) {
        // "B" number " " time " " padding
        if (payload.empty() || payload[0] != 'B') {
            return;
        }
        char* rest = nullptr;
        std::string text(payload.substr(0, 64));
        const auto number = std::strtoull(text.c_str() + 1, &rest, 10);
        const auto sent_at = std::strtoll(rest, nullptr, 10);
        if (number != client.expected) {
            if (errors_++ == 0) {
                std::fprintf(stderr, "ws_bench: got %llu where %llu was expected\n",
                             static_cast<unsigned long long>(number), static_cast<unsigned long long>(client.expected));
            }
        }
        client.expected = number + 1;
        ++received_;
        latencies_.record(now_ns() - sent_at);
    }

    void broadcast() {
        const auto started = now_ns();
        const auto total = static_cast<std::uint64_t>(options_.seconds * options_.rate);
        std::uint64_t sent = 0;
        while (sent < total && clients_[0].state == State::open) {
            const auto due = started + static_cast<std::int64_t>(static_cast<double>(sent) * 1e9 / options_.rate);
            const auto wait = due - now_ns();
            if (wait > 0) {
                turn(static_cast<int>(wait / 1'000'000));
                continue;
            }
            std::string payload = "B" + std::to_string(sent++) + " " + std::to_string(now_ns()) + " ";
            if (payload.size() < options_.size) {
                payload.append(options_.size - payload.size(), '.');
            }
            write(clients_[0], client_frame(1, payload));
            turn(0);
        }
        turn_until([&] { return received_ >= sent * open_; }, options_.deadline, "broadcasts");
        if (received_ != sent * clients_.size()) {
            ++errors_;
        }
        report(started, sent * clients_.size());
    }

    void report(std::int64_t started, std::uint64_t expected) {
        const double seconds = static_cast<double>(now_ns() - started) / 1e9;
        std::printf(
            "{\"received\": %llu, \"expected\": %llu, \"seconds\": %.6f, \"rate\": %.1f, \"p50_us\": %.0f, "
            "\"p99_us\": %.0f, \"errors\": %llu}\n",
            static_cast<unsigned long long>(received_), static_cast<unsigned long long>(expected), seconds,
            static_cast<double>(received_) / seconds, us(latencies_.percentile(0.5)), us(latencies_.percentile(0.99)),
            static_cast<unsigned long long>(errors_));
        std::fflush(stdout);
    }

    Options options_;
    std::vector<Client> clients_;
    int epoll_ = -1;
    bool has_stdin_ = false;
    std::ptrdiff_t lines_ = 0;
    std::string echo_frame_;
    std::array<char, 64 << 10> block_;
    std::size_t next_ = 0, connecting_ = 0, open_ = 0, refused_ = 0, pending_ = 0;
    std::uint64_t received_ = 0, errors_ = 0;
    std::int64_t end_ = 0;
    trunkline::load::Histogram latencies_;
};

Options parse(int argc, char** argv) {
    std::map<std::string, std::string> given;
    for (int i = 1; i + 1 < argc; i += 2) {
        given[argv[i]] = argv[i + 1];
    }
    Options options;
    const auto number = [&](const char* name, double fallback) {
        const auto it = given.find(name);
        return it == given.end() ? fallback : std::atof(it->second.c_str());
    };
    if (argc % 2 == 0) {
        fail("options come in pairs: --mode --path --port --clients --size --seconds --rate");
    }
    if (given.count("--mode") != 0) {
        options.mode = given["--mode"];
    }
    if (given.count("--path") != 0) {
        options.path = given["--path"];
    }
    options.port = static_cast<std::uint16_t>(number("--port", options.port));
    options.clients = static_cast<std::size_t>(std::max(1.0, number("--clients", 100)));
    options.size = static_cast<std::size_t>(number("--size", 64));
    options.seconds = number("--seconds", options.seconds);
    options.rate = number("--rate", options.rate);
    options.concurrency = static_cast<std::size_t>(number("--concurrency", 64));
    options.deadline = number("--deadline", options.deadline);
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return Bench(parse(argc, argv)).run();
}
