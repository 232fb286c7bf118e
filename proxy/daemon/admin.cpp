#include "proxy/daemon/admin.hpp"

#include "net/asio.hpp"
#include "proxy/log/logging.hpp"
#include "proxy/metrics/exposition.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>

#include <array>
#include <charconv>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

// g++ 12 inlines the operator new of Asio's coroutine frames but not their operator delete, and then takes the pair for
// a mismatch; only in optimised builds.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace trunkline::proxy {
namespace {

namespace asio = net::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

using Awaitable = asio::awaitable<void, net::Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, net::Executor>;
using Socket = asio::basic_stream_socket<tcp, net::Executor>;

constexpr asio::use_awaitable_t<net::Executor> kAwait;
constexpr std::size_t kMaxHeadBytes = 4096;
constexpr unsigned kMaxConnections = 32;  // a probe or two, a scraper, a person
constexpr std::chrono::milliseconds kAcceptRetry{100};

using Request = http::request<http::empty_body>;

constexpr char kText[] = "text/plain; charset=utf-8";

struct Response {
    http::status status = http::status::ok;
    std::string_view type = kText;
    std::string body;
    std::string_view allow = {};  ///< the methods that may be used, where another one was

    std::string head() const {
        std::string text = "HTTP/1.1 " + std::to_string(static_cast<unsigned>(status)) + " ";
        const auto reason = http::obsolete_reason(status);
        text.append(reason.data(), reason.size()).append("\r\nContent-Type: ").append(type);
        if (!allow.empty()) text.append("\r\nAllow: ").append(allow);
        text.append("\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: ");
        return text.append(std::to_string(body.size())).append("\r\n\r\n");
    }
};

Response refusal(http::status status, std::string text) { return {status, kText, std::move(text) + "\n"}; }

/// The number of the only parameter, `pool_size`; nothing for anything else.
std::optional<unsigned> pool_size_of(std::string_view query) {
    constexpr std::string_view kName = "?pool_size=";
    constexpr unsigned kMost = 256;  // as in the configuration
    if (query.substr(0, kName.size()) != kName) return std::nullopt;
    query.remove_prefix(kName.size());
    unsigned number = 0;
    const auto [end, ec] = std::from_chars(query.data(), query.data() + query.size(), number);
    if (ec != std::errc() || end != query.data() + query.size() || number < 1 || number > kMost) return std::nullopt;
    return number;
}

/// Whether the peer is on this machine.
bool is_from_here(const Socket& socket) {
    error_code ec;
    auto peer = socket.remote_endpoint(ec).address();
    if (ec) return false;
    if (peer == socket.local_endpoint(ec).address()) return true;
    if (peer.is_v6() && peer.to_v6().is_v4_mapped()) {
        peer = asio::ip::make_address_v4(asio::ip::v4_mapped, peer.to_v6());
    }
    return peer.is_loopback();
}

/// `PUT /upstreams/NAME?pool_size=N`. Not POST, which any page that a browser shows may send.
Response change(std::string_view target, AdminSource& source) {
    constexpr std::string_view kUpstreams = "/upstreams/";
    if (target.substr(0, kUpstreams.size()) != kUpstreams) {
        return refusal(http::status::not_found, "not found; what can be put is /upstreams/NAME?pool_size=N");
    }
    target.remove_prefix(kUpstreams.size());
    const auto name = target.substr(0, target.find('?'));
    const auto pool_size = pool_size_of(target.substr(name.size()));
    if (!pool_size) return refusal(http::status::bad_request, "expected ?pool_size=N with N from 1 to 256");
    if (!source.resize(name, *pool_size)) {
        return refusal(http::status::not_found, "no upstream is called '" + std::string(name) + "'");
    }
    return {http::status::accepted, kText, "the pools are being resized\n"};
}

Response answer(const Request& request, bool is_local, AdminSource& source) {
    if (request.method() == http::verb::put) {
        // Others may be let in to look, a load balancer's probe for one.
        if (!is_local) return refusal(http::status::forbidden, "only from the machine itself");
        return change({request.target().data(), request.target().size()}, source);
    }
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        auto result = refusal(http::status::method_not_allowed, "GET, HEAD and PUT only");
        result.allow = "GET, HEAD, PUT";
        return result;
    }
    const auto status = [](bool ok) { return ok ? http::status::ok : http::status::service_unavailable; };
    const auto path = request.target().substr(0, request.target().find('?'));
    if (path == "/healthz") {
        auto health = source.health();
        return {status(health.ok), kText, std::move(health.body)};
    }
    if (path == "/readyz") {
        auto readiness = source.readiness();
        return {status(readiness.ok), "application/json", std::move(readiness.body)};
    }
    if (path == "/metrics") return {http::status::ok, kExpositionContentType, source.metrics()};
    return refusal(http::status::not_found, "not found; here are /healthz, /readyz and /metrics");
}

void on_coroutine_end(const char* name, const std::exception_ptr& escaped) {
    if (!escaped) return;
    try {
        std::rethrow_exception(escaped);
    } catch (const std::exception& error) {
        log_error("admin coroutine ended by an exception", {{"coroutine", name}, {"error", error.what()}});
    }
}

}  // namespace

class Admin::Server {
  public:
    template <class From>
    Server(From&& from, AdminSource& source, std::chrono::milliseconds deadline)
        : source_(source), deadline_(deadline), context_(1), acceptor_(context_) {
        listen(std::forward<From>(from));
        port_ = acceptor_.local_endpoint().port();
        descriptor_ = acceptor_.native_handle();
        asio::co_spawn(context_, accept_loop(),
                       [](const std::exception_ptr& escaped) { on_coroutine_end("accept_loop", escaped); });
        thread_ = std::thread([this] { context_.run(); });
    }

    ~Server() {
        context_.stop();
        thread_.join();
    }

    std::uint16_t port() const noexcept { return port_; }
    int descriptor() const noexcept { return descriptor_; }

    void leave() {
        asio::post(context_, [this] {
            // Not close(), which relies on the kernel to forget the descriptor: it would not, as the socket lives on.
            error_code ec;
            const net::UniqueFd closes(acceptor_.release(ec));
        });
    }

  private:
    void listen(net::ListenSocket socket) {
        const auto protocol = socket.local().host.find(':') == std::string::npos ? tcp::v4() : tcp::v6();
        acceptor_.assign(protocol, socket.release());
    }

    void listen(const config::AdminSettings& settings) {
        error_code ec;
        const auto address = asio::ip::make_address(settings.host, ec);
        const tcp::endpoint endpoint(address, settings.port);
        if (!ec) acceptor_.open(endpoint.protocol(), ec);
        if (!ec) acceptor_.set_option(Acceptor::reuse_address(true), ec);
        if (!ec) acceptor_.bind(endpoint, ec);
        if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
        if (ec)
            throw boost::system::system_error(
                ec, "cannot listen on admin.address " + settings.host + ":" + std::to_string(settings.port));
    }

    Awaitable accept_loop() {
        net::Timer retry(context_.get_executor());
        while (true) {
            error_code ec;
            Socket socket = co_await acceptor_.async_accept(asio::redirect_error(kAwait, ec));
            if (ec == asio::error::operation_aborted) co_return;
            if (ec) {
                // Out of descriptors, most likely: the connection stays in the backlog, so asking at once would spin.
                log_warn("admin cannot accept", {{"error", ec.message()}});
                retry.expires_after(kAcceptRetry);
                co_await retry.async_wait(asio::redirect_error(kAwait, ec));
                continue;
            }
            if (connections_ >= kMaxConnections) continue;  // closes it
            ++connections_;
            asio::co_spawn(context_, serve(std::move(socket)), [this](const std::exception_ptr& escaped) {
                --connections_;
                on_coroutine_end("serve", escaped);
            });
        }
    }

    Awaitable serve(Socket accepted) {
        // Shared, for the deadline may be due already when this ends.
        const auto socket = std::make_shared<Socket>(std::move(accepted));
        net::Timer deadline(context_.get_executor());
        deadline.expires_after(deadline_);  // set once: it covers all reads and writes below
        deadline.async_wait([socket](const error_code& ec) {
            error_code ignored;
            if (!ec) socket->close(ignored);
        });

        std::array<char, kMaxHeadBytes> head;
        std::size_t parsed = 0;
        std::size_t filled = 0;
        http::request_parser<http::empty_body> parser;
        error_code ec;
        do {
            const auto room = asio::buffer(head.data() + filled, head.size() - filled);
            const std::size_t bytes = co_await socket->async_read_some(room, asio::redirect_error(kAwait, ec));
            if (ec) co_return;  // it left, or its time is over
            filled += bytes;
            parsed += parser.put(asio::buffer(head.data() + parsed, filled - parsed), ec);
        } while (ec == http::error::need_more && filled < head.size());

        Response result;
        if (!ec) {
            result = answer(parser.get(), is_from_here(*socket), source_);
        } else if (ec == http::error::need_more) {
            result = refusal(http::status::request_header_fields_too_large, "request head too large");
        } else {
            result = refusal(http::status::bad_request, "bad request");
        }
        std::string text = result.head();
        if (ec || parser.get().method() != http::verb::head) text += result.body;
        for (std::string_view left = text; !left.empty();) {
            const auto piece = asio::buffer(left.data(), left.size());
            const std::size_t bytes = co_await socket->async_write_some(piece, asio::redirect_error(kAwait, ec));
            if (ec) co_return;
            left.remove_prefix(bytes);
        }
        socket->shutdown(Socket::shutdown_send, ec);
    }

    AdminSource& source_;
    const std::chrono::milliseconds deadline_;
    std::uint16_t port_ = 0;
    int descriptor_ = -1;
    unsigned connections_ = 0;  // changed on the thread
    // Its end destroys the coroutines that are still suspended, so what they use stands above it.
    asio::io_context context_;
    Acceptor acceptor_;
    std::thread thread_;
};

Admin::Admin(const config::AdminSettings& settings, AdminSource& source, std::chrono::milliseconds deadline)
    : server_(std::make_unique<Server>(settings, source, deadline)) {}

Admin::Admin(net::ListenSocket socket, AdminSource& source, std::chrono::milliseconds deadline)
    : server_(std::make_unique<Server>(std::move(socket), source, deadline)) {}

Admin::~Admin() = default;

std::uint16_t Admin::port() const noexcept { return server_->port(); }

int Admin::descriptor() const noexcept { return server_->descriptor(); }

void Admin::leave() { server_->leave(); }

}  // namespace trunkline::proxy
