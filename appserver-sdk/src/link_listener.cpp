#include "appserver-sdk/src/link_listener.hpp"

#include <utility>

#include "net/asio.hpp"

namespace trunkline {
namespace {

constexpr std::chrono::milliseconds kRetry{100};  // after accept failed: no descriptors, no memory
constexpr int kMaxBatch = 64;                     // then the loop does other work first

}  // namespace

LinkListener::LinkListener(net::Loop& loop, net::ListenSocket socket, OnAccepted on_accepted)
    : loop_(loop),
      socket_(std::move(socket)),
      readable_(loop.executor(), socket_.fd()),
      on_accepted_(std::move(on_accepted)) {
    wait();
}

LinkListener::~LinkListener() { readable_.release(); }

Result<std::unique_ptr<LinkListener>> LinkListener::open(net::Loop& loop, const net::Endpoint& where,
                                                         OnAccepted on_accepted) {
    auto socket = net::ListenSocket::open(where);
    if (!socket) return std::error_code(socket.error());
    return std::make_unique<LinkListener>(loop, std::move(socket).value(), std::move(on_accepted));
}

void LinkListener::wait() {
    readable_.async_wait(net::Descriptor::wait_read, [this](const boost::system::error_code& ec) {
        if (ec != boost::asio::error::operation_aborted) accept_all();  // else this may be gone
    });
}

void LinkListener::accept_all() {
    for (int i = 0; i < kMaxBatch; ++i) {
        auto accepted = net::accept(socket_.fd());
        if (accepted) {
            on_accepted_(net::ByteStream(accepted.value().fd.release()));
        } else if (accepted.error() == boost::system::errc::operation_would_block) {
            return wait();
        } else {
            return loop_.schedule(retry_, loop_.now() + kRetry);
        }
    }
    wait();
}

void LinkListener::on_retry(net::Clock::time_point) { wait(); }

}  // namespace trunkline
