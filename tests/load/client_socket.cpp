#include "tests/load/client_socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "trunkline/protocol/websocket/mask.hpp"

namespace trunkline::load {
namespace {

using protocol::websocket::MaskKey;

constexpr unsigned char kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;
constexpr MaskKey kMask{{{'\x37', '\xfa', '\x21', '\x3d'}}};  // a server has the same work with any
constexpr std::size_t kMaxHead = 16 << 10;

void append_frame(std::string& out, unsigned char opcode, std::string_view payload) {
    out += static_cast<char>(0x80 | opcode);
    const std::uint64_t size = payload.size();
    const unsigned bytes = size < 126 ? 0 : size <= 0xffff ? 2 : 8;
    out += static_cast<char>(0x80 | (bytes == 0 ? size : bytes == 2 ? 126 : 127));
    for (unsigned i = bytes; i-- > 0;) out += static_cast<char>(size >> (8 * i));
    out.append(kMask.bytes.data(), kMask.bytes.size());
    const std::size_t begin = out.size();
    out += payload;
    protocol::websocket::unmask(out.data() + begin, payload.size(), kMask);
}

}  // namespace

bool ClientSocket::connect(const net::SocketAddress& from, const net::SocketAddress& to) {
    state_ = SocketState::connecting;
    in_.clear();
    out_.clear();
    in_message_ = false;
    fd_.reset(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const auto failed = [this] {
        code_ = errno;
        why_ = CloseWhy::cannot_connect;
        state_ = SocketState::closed;
        fd_.reset();
        return false;
    };
    if (!fd_) return failed();
    const int on = 1;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (from.length != 0) {
        // The port is chosen at connect, so that one address serves 28,000 connections to each destination.
        ::setsockopt(fd_.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (::bind(fd_.get(), from.data(), from.length) != 0) return failed();
    }
    if (::connect(fd_.get(), to.data(), to.length) != 0 && errno != EINPROGRESS) return failed();
    why_ = CloseWhy::not_closed;
    return true;
}

void ClientSocket::on_events(std::uint32_t events, std::string_view request_head, SocketOwner& owner, bool reads) {
    if (state_ == SocketState::connecting) {
        int error = 0;
        socklen_t length = sizeof error;
        ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
        if (error != 0) return fail(CloseWhy::cannot_connect, error, owner);
        if ((events & EPOLLOUT) == 0) return;
        state_ = SocketState::upgrading;
        write(request_head, owner);
    } else if ((events & EPOLLOUT) != 0 && !out_.empty()) {
        flush(owner);
    }
    if (reads && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) read(owner);
}

void ClientSocket::read(SocketOwner& owner) {
    thread_local std::array<char, 64 << 10> block;
    while (state_ == SocketState::upgrading || state_ == SocketState::open) {
        const auto n = ::recv(fd_.get(), block.data(), block.size(), MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) return fail(CloseWhy::reset, 0, owner);
        const std::string_view bytes(block.data(), static_cast<std::size_t>(n));
        if (state_ == SocketState::upgrading) {
            on_head(bytes, owner);
        } else {
            on_bytes(bytes, owner);
        }
    }
}

void ClientSocket::on_head(std::string_view bytes, SocketOwner& owner) {
    in_ += bytes;
    const auto end = in_.find("\r\n\r\n");
    if (end == in_.npos) {
        if (in_.size() > kMaxHead) fail(CloseWhy::bad_frame, 0, owner);
        return;
    }
    if (!in_.starts_with("HTTP/1.1 ")) return fail(CloseWhy::bad_frame, 0, owner);
    const int status = std::atoi(in_.c_str() + 9);
    if (status != 101) return fail(CloseWhy::refused, status, owner);
    state_ = SocketState::open;
    const std::string rest = std::exchange(in_, {}).substr(end + 4);
    owner.on_open();
    if (!rest.empty()) on_bytes(rest, owner);
}

void ClientSocket::on_bytes(std::string_view bytes, SocketOwner& owner) {
    std::string joined;
    if (!in_.empty()) {
        joined = std::exchange(in_, {});
        joined += bytes;
        bytes = joined;
    }
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    while (state_ == SocketState::open && bytes.size() >= 2) {
        std::uint64_t length = byte(1);
        if ((length & 0x80) != 0 || (byte(0) & 0x70) != 0) return fail(CloseWhy::bad_frame, 0, owner);
        const std::size_t head = length < 126 ? 2 : length == 126 ? 4 : 10;
        if (bytes.size() < head) break;
        if (head > 2) {
            length = 0;
            for (std::size_t i = 2; i < head; ++i) length = length << 8 | byte(i);
        }
        if (length > kMaxMessage) return fail(CloseWhy::bad_frame, 0, owner);
        if (bytes.size() < head + length) break;
        const auto payload = bytes.substr(head, static_cast<std::size_t>(length));
        const unsigned char first = byte(0);
        bytes.remove_prefix(head + static_cast<std::size_t>(length));
        if (!on_frame(first, payload, owner)) return fail(CloseWhy::bad_frame, 0, owner);
    }
    if (state_ == SocketState::open && !bytes.empty()) in_ = bytes;
}

/// False: no frame that may come here.
bool ClientSocket::on_frame(unsigned char first, std::string_view payload, SocketOwner& owner) {
    const unsigned char opcode = first & 0x0f;
    const bool is_final = (first & 0x80) != 0;
    switch (opcode) {
        case kPing: {
            std::string pong;
            append_frame(pong, kPong, payload);
            write(pong, owner);
            return true;
        }
        case kPong: return true;
        case kClose: {
            const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(payload[i]); };
            fail(CloseWhy::by_server, payload.size() < 2 ? 1005 : byte(0) << 8 | byte(1), owner);
            return true;
        }
        case kText:
        case kBinary:
            if (in_message_) return false;
            if (is_final) {
                owner.on_message(payload);
                return true;
            }
            in_message_ = true;
            message_ = payload;
            return true;
        case 0: {
            if (!in_message_ || message_.size() + payload.size() > kMaxMessage) return false;
            message_ += payload;
            if (!is_final) return true;
            in_message_ = false;
            owner.on_message(std::exchange(message_, {}));
            return true;
        }
        default: return false;
    }
}

void ClientSocket::send(std::string_view payload, SocketOwner& owner) {
    if (state_ != SocketState::open) return;
    thread_local std::string frame;
    frame.clear();
    append_frame(frame, kText, payload);
    write(frame, owner);
}

void ClientSocket::write(std::string_view bytes, SocketOwner& owner) {
    if (out_.empty()) {
        const auto n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) return fail(CloseWhy::reset, errno, owner);
        if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    out_ += bytes;
}

void ClientSocket::flush(SocketOwner& owner) {
    const auto n = ::send(fd_.get(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return fail(CloseWhy::reset, errno, owner);
    if (n > 0) out_.erase(0, static_cast<std::size_t>(n));
    if (out_.empty()) std::string().swap(out_);
}

void ClientSocket::fail(CloseWhy why, int code, SocketOwner& owner) {
    if (state_ == SocketState::closed) return;
    code_ = code;
    close(why);
    owner.on_closed();
}

void ClientSocket::close(CloseWhy why) noexcept {
    if (state_ == SocketState::closed || state_ == SocketState::idle) return;
    if (state_ == SocketState::open && (why == CloseWhy::by_us || why == CloseWhy::by_server)) {
        std::string frame;
        append_frame(frame, kClose, std::string_view("\x03\xe8", 2));
        static_cast<void>(::send(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    }
    state_ = SocketState::closed;
    why_ = why;
    fd_.reset();
    std::string().swap(in_);
    std::string().swap(out_);
    std::string().swap(message_);
}

}  // namespace trunkline::load
