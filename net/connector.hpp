#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <utility>

#include "net/asio.hpp"
#include "net/endpoint.hpp"
#include "net/unique_fd.hpp"

namespace trunkline::net {

/// Dials one address at a time, for whoever dials a link. On its loop's thread. It has no deadline of its own: a wheel
/// entry calls `cancel`.
class Connector {
  public:
    explicit Connector(Executor executor) : executor_(executor) {}
    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;
    ~Connector() { cancel(); }

    /// Connects to a numeric `endpoint` and completes, never before this returns, with `(error_code, UniqueFd)`: a
    /// connected non-blocking, close-on-exec socket, with TCP_NODELAY where that exists. `operation_aborted` after
    /// `cancel` or the Connector's end, `invalid_argument` for a name, else what the kernel says. A call while one is
    /// pending cancels that one.
    template <class CompletionToken>
    auto async_connect(const Endpoint& endpoint, CompletionToken&& token) {
        return asio::async_initiate<CompletionToken, void(boost::system::error_code, UniqueFd)>(
            [this](auto handler, const Endpoint& wanted) { start(std::move(handler), wanted); }, token, endpoint);
    }

    void cancel();

  private:
    using Error = boost::system::error_code;
    using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;

    /// An open socket and the address in Asio's form, or the error.
    Error open(const Endpoint& endpoint, asio::generic::stream_protocol::endpoint& address);
    /// What became of the attempt on `socket`, whose descriptor moves to `fd` if it is connected.
    static Error finish(Socket& socket, Error error, UniqueFd& fd);

    template <class Handler>
    void start(Handler handler, const Endpoint& endpoint) {
        asio::generic::stream_protocol::endpoint address;
        if (const auto error = open(endpoint, address)) {
            socket_ = std::make_shared<Socket>(executor_);  // stands for the attempt, so that it can be cancelled
            asio::post(executor_, [handler = std::move(handler), error, attempt = std::weak_ptr(socket_)]() mutable {
                std::move(handler)(attempt.expired() ? Error(asio::error::operation_aborted) : error, UniqueFd());
            });
            return;
        }
        // The operation keeps the socket, so that it may end after the Connector did.
        auto& socket = *socket_;
        socket.async_connect(address, [handler = std::move(handler), kept = socket_](Error error) mutable {
            UniqueFd fd;
            error = finish(*kept, error, fd);
            kept.reset();
            std::move(handler)(error, std::move(fd));
        });
    }

    Executor executor_;
    std::shared_ptr<Socket> socket_;
};

}  // namespace trunkline::net
