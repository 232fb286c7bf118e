#include "net/connector.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "net/last_error.hpp"

namespace trunkline::net {

void Connector::cancel() {
    if (!socket_) return;
    Error ignored;
    socket_->close(ignored);
    socket_.reset();
}

Connector::Error Connector::open(const Endpoint& endpoint, asio::generic::stream_protocol::endpoint& address) {
    cancel();
    const auto wanted = SocketAddress::of(endpoint);
    if (!wanted) return asio::error::invalid_argument;
    UniqueFd fd(::socket(wanted->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return last_error();
    if (wanted->family() != AF_UNIX) {
        const int on = 1;
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    auto socket = std::make_shared<Socket>(executor_);
    Error error;
    socket->assign(asio::generic::stream_protocol(wanted->family(), 0), fd.get(), error);
    if (error) return error;
    (void)fd.release();
    address = asio::generic::stream_protocol::endpoint(wanted->data(), wanted->length);
    socket_ = std::move(socket);
    return {};
}

Connector::Error Connector::finish(Socket& socket, Error error, UniqueFd& fd) {
    // Cancelled between the connection and this call.
    if (!socket.is_open()) return asio::error::operation_aborted;
    Error ignored;
    if (error) {
        socket.close(ignored);
        return error;
    }
    SocketAddress ours;
    SocketAddress theirs;
    ours.length = theirs.length = sizeof(sockaddr_storage);
    // A Unix socket whose listener has a full backlog looks writable and is not connected; and on loopback a dial to an
    // unused port can meet itself, when the kernel happens to choose that port for our end.
    if (::getpeername(socket.native_handle(), theirs.data(), &theirs.length) != 0) {
        error = errno == ENOTCONN ? Error(asio::error::try_again) : last_error();
    } else if (::getsockname(socket.native_handle(), ours.data(), &ours.length) == 0 && ours.family() != AF_UNIX &&
               ours.length == theirs.length && std::memcmp(&ours.storage, &theirs.storage, ours.length) == 0) {
        error = asio::error::connection_refused;
    }
    if (error) {
        socket.close(ignored);
        return error;
    }
    const int connected = socket.release(error);
    if (!error) fd.reset(connected);
    return error;
}

}  // namespace trunkline::net
