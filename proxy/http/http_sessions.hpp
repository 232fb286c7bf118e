#pragma once

#include "net/byte_stream.hpp"
#include "proxy/http/http_session.hpp"

#include <functional>
#include <string>

namespace trunkline::proxy {

/// The clients of one worker that speak HTTP: new ones, readers of static files, and those that were refused and have
/// to read why. Owned by its worker, on its loop; stopped before it is destroyed.
class HttpSessions {
  public:
    explicit HttpSessions(const HttpContext& context);
    ~HttpSessions();
    HttpSessions(const HttpSessions&) = delete;
    HttpSessions& operator=(const HttpSessions&) = delete;

    /// Reads requests from a new client. `peer_address` as in `Upgraded`.
    void serve(net::ByteStream stream, std::string peer_address, ConnectionTicket ticket);

    /// Answers a client and closes its socket, slowly enough for it to read the answer (at most a second, or 64 KiB
    /// that it still sends). Counts the refusal. A client without a ticket, so beyond the limits, is answered only if
    /// not too many others like it are being answered.
    void refuse(net::ByteStream stream, Refusal refusal, ConnectionTicket ticket);

    /// Those that are here, and those that still come, answer what they are asked and end.
    void wind_down();

    /// Closes all of them and takes no more. `on_empty` is called once none is left, maybe before this returns.
    void stop(std::function<void()> on_empty);

    std::size_t size() const noexcept { return gate_.in_flight(); }

  private:
    using List = boost::intrusive::list<HttpSession, boost::intrusive::constant_time_size<false>>;

    /// Null if the loop takes no more.
    std::unique_ptr<HttpSession> make(net::ByteStream stream, std::string peer_address, ConnectionTicket ticket);

    HttpContext context_;
    ConnectionLimits without_ticket_;
    net::Gate gate_;
    bool is_winding_down_ = false;
    List sessions_;
};

}  // namespace trunkline::proxy
