#include "tests/load/app_control.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include <chrono>
#include <stdexcept>

#include "net/resolve.hpp"
#include "tests/load/client_socket.hpp"
#include "tests/load/profile.hpp"
#include "tests/load/stamp.hpp"

namespace trunkline::load {
namespace {
constexpr std::chrono::seconds kPatience{10};
}

struct AppControl::Connection final : SocketOwner {
    void on_open() override {}
    void on_closed() override {}
    void on_message(std::string_view payload) override {
        const auto stamp = parse_stamp(payload);
        if (!stamp) return;
        if (stamp->what == 'j') is_joined = true;
        if (stamp->what == 'e') is_complete = stamp->sequence == log.count();
        if (stamp->what != 'l' || stamp->sequence != log.count()) return;
        for (auto at = Stamp::kBytes; at + 16 <= payload.size(); at += 16) {
            const auto time = parse_hex(payload.substr(at, 16));
            if (!time) return;
            log.sent(static_cast<std::int64_t>(*time));
        }
    }
    /// Serves the socket until `done`; false if that does not come true.
    template <class Done>
    bool wait(const std::string& head, Done done) {
        const auto until = std::chrono::steady_clock::now() + kPatience;
        while (!done()) {
            if (socket.state() == SocketState::closed || std::chrono::steady_clock::now() > until) return false;
            serve(head, 50);
        }
        return true;
    }
    void serve(const std::string& head, int milliseconds) {
        const bool writes = socket.state() == SocketState::connecting || socket.waiting_bytes() != 0;
        pollfd fd{socket.fd(), static_cast<short>(POLLIN | (writes ? POLLOUT : 0)), 0};
        ::poll(&fd, 1, milliseconds);
        const auto is = [&](short bit) { return (fd.revents & bit) != 0; };
        socket.on_events((is(POLLIN) ? EPOLLIN : 0u) | (is(POLLOUT) ? EPOLLOUT : 0u) | (is(POLLHUP) ? EPOLLHUP : 0u) |
                             (is(POLLERR) ? EPOLLERR : 0u),
                         head, *this);
    }

    ClientSocket socket;
    bool is_joined = false;
    bool is_complete = false;
    SendLog log;
};

AppControl::AppControl(const Options& options) : options_(options), connection_(std::make_unique<Connection>()) {
    const Url& url = options.urls.front();
    const auto to = net::SocketAddress::of(*net::resolve_without_lookup(net::Endpoint::tcp(url.host, url.port)));
    std::string run;
    append_hex(run, options.run, 8);
    const std::string head = "GET " + url.path + (url.path.find('?') == url.path.npos ? "?" : "&") +
                             "profile=control&run=" + run + "&interval_ns=" + std::to_string(options.interval.count()) +
                             "&size=" + std::to_string(options.size) + " HTTP/1.1\r\nHost: " + url.host + ":" +
                             std::to_string(url.port) +
                             "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    connection_->socket.connect({}, *to);
    if (!connection_->wait(head, [this] { return connection_->is_joined; })) {
        throw std::runtime_error(
            "trunkline-load-app does not answer behind this address: this profile needs it as the app server");
    }
}

AppControl::~AppControl() { connection_->socket.close(); }

void AppControl::begin_ticks() { connection_->socket.send(to_text({'b', options_.run, 0, 0, 0}), *connection_); }

void AppControl::look() { connection_->serve({}, 0); }

std::optional<SendLog> AppControl::end_ticks() {
    connection_->socket.send(to_text({'s', options_.run, 0, 0, 0}), *connection_);
    if (!connection_->wait({}, [this] { return connection_->is_complete; })) return std::nullopt;
    return connection_->log;
}

}  // namespace trunkline::load
