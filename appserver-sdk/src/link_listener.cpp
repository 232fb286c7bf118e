#include "appserver-sdk/src/link_listener.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "net/asio.hpp"

namespace trunkline {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kUnix = "unix://";
constexpr std::chrono::milliseconds kRetry{100};  // after accept failed for want of descriptors or memory

std::error_code system_error(int number) { return {number, std::system_category()}; }

/// `address:port` with a literal address, or `localhost:port`.
std::optional<asio::ip::tcp::endpoint> parse_tcp(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    std::uint16_t port = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
    boost::system::error_code ec;
    const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : std::string(host), ec);
    if (ec) return std::nullopt;
    return asio::ip::tcp::endpoint(address, port);
}

template <class Acceptor>
class Listener : public LinkListener {
  public:
    Listener(net::Loop& loop, OnAccepted on_accepted)
        : acceptor_(loop.executor()), retry_(loop.executor()), on_accepted_(std::move(on_accepted)) {}

    const std::string& address() const noexcept override { return address_; }

    void accept() {
        acceptor_.async_accept([this](const boost::system::error_code& ec, auto socket) {
            if (ec == asio::error::operation_aborted) return;  // the listener may be gone
            if (ec) return accept_later();
            take(std::move(socket));
            accept();
        });
    }

  protected:
    template <class Socket>
    void take(Socket socket) {
        boost::system::error_code ec;
        socket.native_non_blocking(true, ec);
        if constexpr (std::is_same_v<Acceptor, net::TcpAcceptor>) socket.set_option(asio::ip::tcp::no_delay(true), ec);
        const int fd = socket.release(ec);
        if (!ec) on_accepted_(net::ByteStream(fd));
    }

    void accept_later() {
        retry_.expires_after(kRetry);
        retry_.async_wait([this](const boost::system::error_code& ec) {
            if (!ec) accept();
        });
    }

    Acceptor acceptor_;
    net::Timer retry_;
    const OnAccepted on_accepted_;
    std::string address_;
};

class TcpListener final : public Listener<net::TcpAcceptor> {
  public:
    using Listener::Listener;

    boost::system::error_code open(const asio::ip::tcp::endpoint& endpoint) {
        boost::system::error_code ec;
        if (acceptor_.open(endpoint.protocol(), ec); ec) return ec;
        acceptor_.set_option(asio::socket_base::reuse_address(true), ec);
        if (acceptor_.bind(endpoint, ec); ec) return ec;
        if (acceptor_.listen(asio::socket_base::max_listen_connections, ec); ec) return ec;
        const auto bound = acceptor_.local_endpoint(ec);
        if (ec) return ec;
        const auto host = bound.address().to_string();
        address_ = std::string(kTcp) + (bound.address().is_v6() ? "[" + host + "]" : host) + ":" +
                   std::to_string(bound.port());
        accept();
        return {};
    }
};

/// Whether a socket file at `path` is a left-over: it is there and nobody listens.
bool is_left_over(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return false;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const bool refused =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno == ECONNREFUSED;
    ::close(fd);
    return refused;
}

class UnixListener final : public Listener<net::LocalAcceptor> {
  public:
    using Listener::Listener;

    ~UnixListener() override {
        // Only what is still ours: somebody else may have put a socket there meanwhile.
        struct stat info {};
        if (!path_.empty() && ::lstat(path_.c_str(), &info) == 0 && info.st_ino == inode_ && info.st_dev == device_) {
            ::unlink(path_.c_str());
        }
    }

    boost::system::error_code open(const std::string& path) {
        if (is_left_over(path)) ::unlink(path.c_str());
        boost::system::error_code ec;
        const asio::local::stream_protocol::endpoint endpoint(path);
        if (acceptor_.open(endpoint.protocol(), ec); ec) return ec;
        if (acceptor_.bind(endpoint, ec); ec) return ec;
        struct stat info {};
        if (::lstat(path.c_str(), &info) == 0) {
            path_ = path;
            inode_ = info.st_ino;
            device_ = info.st_dev;
        }
        ::chmod(path.c_str(), 0660);
        if (acceptor_.listen(asio::socket_base::max_listen_connections, ec); ec) return ec;
        address_ = std::string(kUnix) + path;
        accept();
        return {};
    }

  private:
    std::string path_;
    ino_t inode_ = 0;
    dev_t device_ = 0;
};

}  // namespace

Result<std::unique_ptr<LinkListener>> LinkListener::open(net::Loop& loop, std::string_view address,
                                                         OnAccepted on_accepted) {
    if (address.starts_with(kTcp)) {
        const auto endpoint = parse_tcp(address.substr(kTcp.size()));
        if (!endpoint) return errc::bad_address;
        auto listener = std::make_unique<TcpListener>(loop, std::move(on_accepted));
        if (const auto ec = listener->open(*endpoint)) return system_error(ec.value());
        return std::unique_ptr<LinkListener>(std::move(listener));
    }
    if (address.starts_with(kUnix)) {
        const std::string path(address.substr(kUnix.size()));
        // 107 bytes and a zero fill sun_path.
        if (path.empty() || path.front() != '/' || path.size() > 107) return errc::bad_address;
        auto listener = std::make_unique<UnixListener>(loop, std::move(on_accepted));
        if (const auto ec = listener->open(path)) return system_error(ec.value());
        return std::unique_ptr<LinkListener>(std::move(listener));
    }
    return errc::bad_address;
}

bool LinkListener::is_local(std::string_view address) noexcept {
    if (address.starts_with(kUnix)) return true;
    if (!address.starts_with(kTcp)) return false;
    const auto endpoint = parse_tcp(address.substr(kTcp.size()));
    return endpoint && endpoint->address().is_loopback();
}

}  // namespace trunkline
