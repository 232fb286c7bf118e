#include "proxy/daemon/takeover.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <stdexcept>
#include <utility>

#include "net/descriptor_passing.hpp"
#include "net/last_error.hpp"
#include "proxy/log/logging.hpp"

namespace trunkline::proxy {

namespace {

using boost::system::error_code;
using net::last_error;

constexpr char kTake = '1';
constexpr char kServing = 's';
constexpr char kDescriptors = 'd';
constexpr char kEnd = '.';
constexpr char kBusy = 'b';

constexpr timeval kPatience{10, 0};  // with a process that is stuck
constexpr std::chrono::milliseconds kTryAgain{100};

/// Who is at the other end. A process of this user could trace us anyway, and so could root.
bool is_ours(int socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == ::geteuid() || peer.uid == 0;
}

}  // namespace

// --- Old ---

HandOver::HandOver(net::asio::io_context& context, net::ListenSocket socket, std::vector<int> descriptors,
                   std::function<void()> on_taken)
    : socket_(std::move(socket)),
      arrivals_(context.get_executor(), socket_.fd()),
      peer_(context.get_executor()),
      again_(context.get_executor()),
      descriptors_(std::move(descriptors)),
      on_taken_(std::move(on_taken)) {
    descriptors_.push_back(socket_.fd());
    await_peer();
    // Who came before this is asked who it is, as everybody is.
    const auto& path = socket_.local().path;
    if (::chmod(path.c_str(), 0600) != 0) throw std::runtime_error(path + ": " + last_error().message());
}

HandOver::~HandOver() { stop(); }

void HandOver::stop() {
    if (arrivals_.is_open()) arrivals_.release();
    again_.cancel();
    socket_.close();
    error_code ignored;
    peer_.close(ignored);
}

void HandOver::await_peer() {
    arrivals_.async_wait(net::Descriptor::wait_read, [this](const error_code& ec) {
        if (!ec) on_peer();
    });
}

void HandOver::on_peer() {
    auto accepted = net::accept(socket_.fd());
    for (; accepted; accepted = net::accept(socket_.fd())) take_peer(std::move(accepted.value().fd));
    if (accepted.error() == boost::system::errc::operation_would_block) return await_peer();
    // Out of descriptors: who waits would be announced again at once, for as long as there is none.
    again_.expires_after(kTryAgain);
    again_.async_wait([this](const error_code& ec) {
        if (!ec && arrivals_.is_open()) on_peer();
    });
}

void HandOver::take_peer(net::UniqueFd peer) {
    if (!is_ours(peer.get())) {
        log_warn("takeover refused: another user");
    } else if (peer_.is_open()) {
        log_warn("takeover refused: another is under way");
        (void)net::send_descriptors(peer.get(), kBusy);
    } else {
        log_info("another process is getting ready to take over");
        peer_.assign(peer.release());
        await_word();
    }
}

void HandOver::await_word() {
    peer_.async_wait(net::Descriptor::wait_read, [this](const error_code& ec) {
        if (!ec) on_word();
    });
}

void HandOver::on_word() {
    const auto word = net::receive_descriptors(peer_.native_handle());
    if (!word) return lose_peer(word.error().message());
    switch (word.value().byte) {
        case kTake:
            if (const auto given = give(); !given) return lose_peer(given.error().message());
            return await_word();
        case kServing:
            arrivals_.release();
            net::UniqueFd(socket_.release()).reset();  // its path is the other's now
            stop();
            return on_taken_();
        default: return lose_peer("it says what this release does not know");
    }
}

protocol::Result<void> HandOver::give() {
    const int to = peer_.native_handle();
    for (std::span<const int> rest(descriptors_); !rest.empty();) {
        const auto some = rest.first(std::min(rest.size(), net::kMaxPassedDescriptors));
        if (auto sent = net::send_descriptors(to, kDescriptors, some); !sent) return sent;
        rest = rest.subspan(some.size());
    }
    return net::send_descriptors(to, kEnd);
}

void HandOver::lose_peer(const std::string& why) {
    log_warn("the process that was to take over is gone; serving on", {{"why", why}});
    error_code ignored;
    peer_.close(ignored);
}

// --- New ---

protocol::Result<TakeOver> TakeOver::connect(const std::string& path) {
    const auto address = net::SocketAddress::of(net::Endpoint::unix_socket(path));
    if (!address) return make_error_code(boost::system::errc::invalid_argument);
    net::UniqueFd peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!peer) return last_error();
    ::setsockopt(peer.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    if (::connect(peer.get(), address->data(), address->length) != 0) return last_error();
    if (!is_ours(peer.get())) return make_error_code(boost::system::errc::permission_denied);
    return TakeOver(std::move(peer));
}

protocol::Result<ListenSockets> TakeOver::take() {
    (void)net::send_descriptors(peer_.get(), kTake);  // why it cannot be sent is what comes back
    ListenSockets sockets;
    while (true) {
        auto word = net::receive_descriptors(peer_.get());
        if (!word) return word.error();
        if (word.value().byte == kEnd) return sockets;
        if (word.value().byte == kBusy) return make_error_code(boost::system::errc::device_or_resource_busy);
        if (word.value().byte != kDescriptors) return make_error_code(boost::system::errc::protocol_error);
        for (auto& descriptor : word.value().descriptors) {
            auto socket = net::ListenSocket::adopt(std::move(descriptor));
            if (!socket) return socket.error();
            sockets.push_back(std::move(socket).value());
        }
    }
}

void TakeOver::confirm() {
    if (const auto sent = net::send_descriptors(peer_.get(), kServing); !sent) {
        log_warn("the old process did not hear that it is relieved", {{"why", sent.error().message()}});
    }
}

}  // namespace trunkline::proxy
