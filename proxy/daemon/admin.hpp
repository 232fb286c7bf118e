#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "config/settings.hpp"
#include "net/listen_socket.hpp"
#include "proxy/daemon/admin_source.hpp"

namespace trunkline::proxy {

/// The admin listener: `/healthz`, `/readyz` and `/metrics` over plain HTTP, GET and HEAD, one request per connection;
/// `PUT /upstreams/NAME?pool_size=N`, from the machine itself, resizes the pools of an upstream while it runs. It has a
/// thread and an io_context of its own, so that it answers when no worker does. It listens from construction to
/// destruction.
class Admin {
  public:
    /// `deadline` is for a whole connection, from accept to the last byte of the answer; then it is cut. `source`
    /// outlives the Admin. Throws boost::system::system_error, whose text names the address, if it cannot be listened
    /// on.
    Admin(const config::AdminSettings& settings, AdminSource& source,
          std::chrono::milliseconds deadline = std::chrono::seconds(1));
    /// The same on a socket that listens already: another process opened it.
    Admin(net::ListenSocket socket, AdminSource& source, std::chrono::milliseconds deadline = std::chrono::seconds(1));
    /// Cuts what is under way and joins the thread.
    ~Admin();
    Admin(const Admin&) = delete;
    Admin& operator=(const Admin&) = delete;

    /// The port that is listened on, also if the settings said 0.
    std::uint16_t port() const noexcept;

    /// The listening socket, until `leave`.
    int descriptor() const noexcept;

    /// Leaves the socket to another process that has it too. What has come is answered. Any thread, once.
    void leave();

  private:
    class Server;
    std::unique_ptr<Server> server_;
};

}  // namespace trunkline::proxy
