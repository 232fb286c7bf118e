#pragma once

#include <functional>
#include <memory>
#include <string>

#include "net/byte_stream.hpp"
#include "net/listen_socket.hpp"
#include "net/loop.hpp"

#include <trunkline/error.hpp>

namespace trunkline {

/// Accepts the sockets of links at one address. Owned by Links, used on the loop.
class LinkListener {
  public:
    using OnAccepted = std::function<void(net::ByteStream stream)>;

    LinkListener(net::Loop& loop, net::ListenSocket socket, OnAccepted on_accepted);
    ~LinkListener();
    LinkListener(const LinkListener&) = delete;
    LinkListener& operator=(const LinkListener&) = delete;

    /// The address that a proxy can dial, with the port that was chosen.
    std::string address() const { return socket_.local().to_string(); }

    /// Listens at `tcp://address:port` or `unix:///path`, see `AppServer::listen`.
    static Result<std::unique_ptr<LinkListener>> open(net::Loop& loop, const net::Endpoint& where,
                                                      OnAccepted on_accepted);

  private:
    void wait();
    void accept_all();
    void on_retry(net::Clock::time_point now);

    net::Loop& loop_;
    net::ListenSocket socket_;
    net::Descriptor readable_;  // the socket's descriptor, which it does not own
    net::MemberHook<&LinkListener::on_retry> retry_{*this};
    const OnAccepted on_accepted_;
};

}  // namespace trunkline
