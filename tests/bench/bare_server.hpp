#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trunkline::bench {

/// A frame to a client, behind what is in `out`; `payload` shorter than 64 KiB.
void append_frame(std::string& out, unsigned char opcode, std::string_view payload);

inline constexpr unsigned char kText = 1;

/// The least a WebSocket server can be: one thread, one edge-triggered epoll set, no limits, no checks. For the
/// benchmarks alone.
class BareServer {
  public:
    /// Clients are their descriptors.
    class Handler {
      public:
        virtual ~Handler() = default;
        /// The upgrade was answered. `target` is that of its request, with the query.
        virtual void on_open(int client, std::string_view target) = 0;
        virtual void on_message(int client, unsigned char opcode, std::string_view payload) = 0;
        virtual void on_closed(int client) = 0;
    };

    /// Listens on 127.0.0.1. Throws std::system_error.
    BareServer(std::uint16_t port, Handler& handler);

    /// Whole frames; what the socket does not take waits, without a bound.
    void send(int client, std::string_view frames);
    /// Waits for something to do, `wait_ms` at most (-1: for ever), and does it.
    void turn(int wait_ms);

  private:
    struct Client {
        bool is_there = false;
        bool is_open = false;  // the upgrade was answered
        std::string in;        // an incomplete request head or frame
        std::string out;       // what the socket did not take
    };

    void accept_all();
    void drop(int fd);
    void flush(int fd);
    void on_readable(int fd);
    void upgrade(int fd);
    std::ptrdiff_t read_frames(int fd, char* bytes, std::size_t size);

    Handler& handler_;
    int listener_ = -1;
    int epoll_ = -1;
    std::vector<Client> clients_;  // by descriptor; it does not shrink
    std::array<char, 256 << 10> block_;
};

}  // namespace trunkline::bench
