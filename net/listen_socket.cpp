#include "net/listen_socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include "net/last_error.hpp"

namespace trunkline::net {
namespace {

using Error = boost::system::error_code;

Error in_use() { return boost::system::errc::make_error_code(boost::system::errc::address_in_use); }

Error set_option(int fd, int level, int option) {
    const int on = 1;
    return ::setsockopt(fd, level, option, &on, sizeof on) == 0 ? Error() : last_error();
}

/// Makes room at `path` if a dead listener's socket is all that is there.
Error remove_leftover(const std::string& path, const SocketAddress& address) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return errno == ENOENT ? Error() : last_error();
    // Not a socket: connect would be refused by a plain file too, and that is not ours to remove.
    if (!S_ISSOCK(found.st_mode)) return in_use();
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!probe) return last_error();
    if (::connect(probe.get(), address.data(), address.length) == 0 || errno != ECONNREFUSED) return in_use();
    return ::unlink(path.c_str()) == 0 || errno == ENOENT ? Error() : last_error();
}

}  // namespace

protocol::Result<ListenSocket> ListenSocket::open(const Endpoint& endpoint, PortSharing sharing) {
    auto address = SocketAddress::of(endpoint);
    if (!address) return boost::system::errc::make_error_code(boost::system::errc::invalid_argument);
    const bool is_unix = address->family() == AF_UNIX;
    UniqueFd fd(::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return last_error();
    if (is_unix) {
        if (const auto error = remove_leftover(endpoint.path, *address)) return error;
    } else {
        if (const auto error = set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR)) return error;
        if (sharing == PortSharing::shared) {
            if (const auto error = set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT)) return error;
        }
        // Inherited by what is accepted: a system call less per client.
        if (const auto error = set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY)) return error;
        if (address->family() == AF_INET6) {
            if (const auto error = set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY)) return error;
        }
    }
    if (::bind(fd.get(), address->data(), address->length) != 0) return last_error();

    ListenSocket made(std::move(fd), endpoint);
    if (is_unix) {
        struct stat created {};
        if (::lstat(endpoint.path.c_str(), &created) != 0) return last_error();
        made.device_ = created.st_dev;
        made.inode_ = created.st_ino;
        // Before listen, so that nobody connects under the wider mode that the umask may have left.
        if (::chmod(endpoint.path.c_str(), 0660) != 0) return last_error();
    }
    if (::listen(made.fd(), SOMAXCONN) != 0) return last_error();
    if (!is_unix) {
        address->length = sizeof address->storage;
        if (::getsockname(made.fd(), address->data(), &address->length) != 0) return last_error();
        made.local_ = address->to_endpoint();
    }
    return made;
}

protocol::Result<ListenSocket> ListenSocket::adopt(UniqueFd fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) return last_error();
    SocketAddress address;
    address.length = sizeof address.storage;
    if (::getsockname(fd.get(), address.data(), &address.length) != 0) return last_error();
    ListenSocket made(std::move(fd), address.to_endpoint());
    const bool is_tcp = address.family() == AF_INET || address.family() == AF_INET6;
    const bool is_path = address.family() == AF_UNIX && made.local_.path.starts_with('/');
    if (listens == 0 || !(is_tcp || is_path)) {
        return boost::system::errc::make_error_code(boost::system::errc::invalid_argument);
    }
    const int flags = ::fcntl(made.fd(), F_GETFL);
    if (flags < 0 || ::fcntl(made.fd(), F_SETFL, flags | O_NONBLOCK) != 0) return last_error();
    if (::fcntl(made.fd(), F_SETFD, FD_CLOEXEC) != 0) return last_error();
    if (is_tcp) {
        if (const auto error = set_option(made.fd(), IPPROTO_TCP, TCP_NODELAY)) return error;
    }
    return made;
}

protocol::Result<ListenSocket> ListenSocket::duplicate() const {
    UniqueFd fd(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
    if (!fd) return last_error();
    return ListenSocket(std::move(fd), local_);
}

PortSharing ListenSocket::sharing() const noexcept {
    int shared = 0;
    socklen_t size = sizeof shared;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_REUSEPORT, &shared, &size);
    return shared != 0 ? PortSharing::shared : PortSharing::exclusive;
}

ListenSocket& ListenSocket::operator=(ListenSocket&& other) noexcept {
    if (this == &other) return *this;
    close();
    fd_ = std::move(other.fd_);
    local_ = std::move(other.local_);
    device_ = other.device_;
    inode_ = other.inode_;
    return *this;
}

void ListenSocket::close() noexcept {
    if (!fd_) return;
    if (local_.kind == Endpoint::Kind::unix_socket && inode_ != 0) {
        struct stat found {};
        if (::lstat(local_.path.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_) {
            ::unlink(local_.path.c_str());
        }
    }
    fd_.reset();
}

protocol::Result<Accepted> accept(int listening_fd) {
    SocketAddress peer;
    int fd = -1;
    do {
        peer.length = sizeof peer.storage;
        fd = ::accept4(listening_fd, peer.data(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) return last_error();
    return Accepted{UniqueFd(fd), peer.to_endpoint()};
}

}  // namespace trunkline::net
