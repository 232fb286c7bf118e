#pragma once

#include "net/endpoint.hpp"
#include "net/loop.hpp"
#include "net/unique_fd.hpp"

#include <catch2/catch.hpp>

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

namespace trunkline::proxy {

/// Runs the loop until `done` holds; false after five seconds.
template <class Done>
bool run_until(net::Loop& loop, Done&& done) {
    const auto end = net::Clock::now() + std::chrono::seconds(5);
    while (!done()) {
        if (net::Clock::now() > end) return false;
        loop.run_for(std::chrono::milliseconds(5));
    }
    return true;
}

/// A client on loopback that does what it is told, on the thread of the loop under test.
class HttpClient {
  public:
    HttpClient(net::Loop& loop, const net::Endpoint& server) : loop_(loop) {
        const auto address = net::SocketAddress::of(server);
        REQUIRE(address);
        fd_ = net::UniqueFd(::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(fd_.get(), address->data(), address->length) == 0);
    }

    void send(std::string_view text) {
        REQUIRE(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
    }

    /// Everything from now until the server ends the stream; checks that it does, and without a reset.
    std::string read_to_end() {
        CHECK(run_until(loop_, [&] { return take() != Taken::nothing; }));
        CHECK(is_ended_);
        return std::exchange(received_, {});
    }

    /// What comes until `end` is seen in it, with what came behind.
    std::string read_until(std::string_view end) {
        CHECK(run_until(loop_, [&] {
            take();
            return received_.find(end) != std::string::npos;
        }));
        return std::exchange(received_, {});
    }

    bool is_ended() {
        take();
        return is_ended_;
    }
    bool is_reset() {
        take();
        return is_reset_;
    }

    void close() { fd_.reset(); }
    int fd() const { return fd_.get(); }

  private:
    enum class Taken { nothing, ended };

    Taken take() {
        std::array<char, 16 << 10> block;
        ssize_t bytes = 0;
        while ((bytes = ::recv(fd_.get(), block.data(), block.size(), MSG_DONTWAIT)) > 0) {
            received_.append(block.data(), static_cast<std::size_t>(bytes));
        }
        if (bytes == 0) is_ended_ = true;
        if (bytes < 0 && errno == ECONNRESET) is_reset_ = true;
        return is_ended_ || is_reset_ ? Taken::ended : Taken::nothing;
    }

    net::Loop& loop_;
    net::UniqueFd fd_;
    std::string received_;
    bool is_ended_ = false;
    bool is_reset_ = false;
};

}  // namespace trunkline::proxy
