#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <trunkline/connection.hpp>
#include <trunkline/error.hpp>
#include <trunkline/message.hpp>
#include <trunkline/options.hpp>
#include <trunkline/target.hpp>

namespace trunkline {

/// A proxy process that this app server is linked with.
struct ProxyInfo {
    std::string id;        ///< as configured there, by default its host name and port
    std::uint64_t epoch;   ///< one life of that process
    std::string software;  ///< what it says it is
    std::size_t workers;   ///< its pools are up when each of them has linked
    std::size_t lanes;     ///< links that carry a lane now
    bool is_up;            ///< whether all its pools are up
};

/// Answers the WebSocket connections that trunkline proxies bring: it listens for the links of proxies, and hands each
/// client's connection to callbacks.
///
///     trunkline::AppServer server;
///     server.on_message([](const trunkline::Connection& connection, const trunkline::Message& message) {
///         if (connection.send(message.kind, message.bytes)) connection.close(1013);
///     });
///     if (auto listening = server.listen("tcp://127.0.0.1:7000"); !listening) return 1;  // .error() says why
///     return server.run() ? 1 : 0;
///
/// One thread, the one in `run`, is the *loop*: all callbacks run on it, one at a time and in order, and must not
/// block: a callback that takes longer than a proxy waits for a sign of life (15 s) costs the link, and one that takes
/// longer than its window (25 s) all connections that it brought, which go to another app server. Work that takes time
/// goes to other threads, which may use connections, answers and targets directly. An exception that leaves a callback
/// is logged and closes the connection concerned with 1011.
///
/// Every connection gets exactly one `on_connect`, then its messages, then exactly one `on_disconnect`. When a proxy is
/// gone for good, all connections it held end together (`ClosedBy::proxy_lost`).
///
/// Callbacks are set before `run`. Members that may be called from any thread say so; the others belong to the thread
/// that calls `run`. It must not be destroyed while `run` is running.
class AppServer {
  public:
    explicit AppServer(Options options = {});
    AppServer(const AppServer&) = delete;
    AppServer& operator=(const AppServer&) = delete;
    ~AppServer();

    /// A client connected; the answer decides what becomes of it, now or later. Without any `on_connect` every
    /// connection is accepted.
    template <std::invocable<const Connection&, Answer> Handler>
    void on_connect(Handler handler) {
        set_on_connect(std::move(handler));
    }
    /// The same for apps that accept everybody: the connection was accepted when this is called.
    template <std::invocable<const Connection&> Handler>
    requires(!std::invocable<Handler, const Connection&, Answer>) void on_connect(Handler handler) {
        set_on_connect([handler = std::move(handler)](const Connection& connection, Answer answer) mutable {
            if (!answer.accept()) handler(connection);
        });
    }

    /// A message of an accepted connection that is not paused.
    void on_message(std::function<void(const Connection&, const Message&)> handler);
    /// The connection has ended; sends to it answer `closed`.
    void on_disconnect(std::function<void(const Connection&, const Disconnect&)> handler);
    /// `Options::warm_up` has passed since `run`: the proxies that are there are linked, so fan-outs reach everybody.
    void on_ready(std::function<void()> handler);
    /// All pools of a proxy are up / the last of them has ended (behind the `on_disconnect`s of its connections).
    void on_proxy_up(std::function<void(const ProxyInfo&)> handler);
    void on_proxy_lost(std::function<void(const ProxyInfo&)> handler);

    /// Listens for links at `tcp://address:port` (port 0: any free one) or `unix:///absolute/path`, of at most 107
    /// bytes; may be called more than once. A left-over socket file is removed only if nobody listens on it, and
    /// created with mode 0660. Answers the address that proxies can dial. Errors: bad_address, link_key_required,
    /// bad_link_key, and the system's.
    Result<std::string> listen(std::string_view address);

    /// Runs until `stop`. The calling thread is the loop. Errors: already_running.
    std::error_code run();

    /// Ends every pool in an orderly way: what was sent before goes out, proxies tell their clients to reconnect
    /// (1012), every connection gets its `on_disconnect` (by app), and `run` returns. Any thread, also from callbacks;
    /// not from signal handlers (use `stop_on_signals`). More than once does no harm; before `run`, it makes `run`
    /// return at once.
    void stop();

    /// `stop` at SIGTERM and SIGINT, while `run` runs. A second signal ends the process at once.
    void stop_on_signals();

    /// Leaves without closing anybody (SPEC.md "Migration"): no new connections; each that is here is handed to another
    /// app server of the upstream, or waits in its proxy until there is one, behind all that its client has sent and
    /// all that was sent to it (`ClosedBy::migrated`). A connection that the app has paused leaves when it is resumed.
    /// Then `run` returns; at the latest after `Limits::drain_timeout`, as after `stop`. Whom it waits for, and why, is
    /// logged at half that time and at its end. Any thread, as `stop`.
    void drain();

    /// `drain` at SIGTERM, `stop` at SIGINT, while `run` runs. A second signal ends the process at once.
    void drain_on_signals();

    /// Runs `task` on the loop, after what was called before. Any thread. Dropped after `stop`.
    void post(std::function<void()> task);
    /// Runs `task` on the loop after that time. Any thread. Dropped after `stop`.
    void post_after(std::chrono::milliseconds delay, std::function<void()> task);
    /// Whether the caller is on the loop. Any thread.
    bool is_on_loop() const noexcept;

    /// Whom to send to; any thread, cheap, at any time.
    ConnectionTarget to_connection(std::string_view id) const;
    GroupTarget to_group(std::string_view name) const;
    UserTarget to_user(std::string_view id) const;
    AllTarget to_all() const;

    /// Short for `to_connection(id).send(text)`. Any thread.
    [[nodiscard]] std::error_code send_to(std::string_view id, std::string_view text) const;

    /// Calls back on the loop, never inside this call, when every lane has room, so that a fan-out would find it. Any
    /// thread.
    void when_writable(WritableCallback callback) const;
    WritableAwaiter wait_writable() const;

    /// This app server's own connections, a snapshot. Any thread.
    std::vector<Connection> connections() const;
    std::size_t connection_count() const noexcept;
    /// Its own connection of that id, or none. Any thread.
    Connection find(std::string_view id) const;
    /// The proxies that are linked now, a snapshot. Any thread.
    std::vector<ProxyInfo> proxies() const;

  private:
    void set_on_connect(std::function<void(const Connection&, Answer)> handler);

    std::shared_ptr<Core> core_;
};

}  // namespace trunkline
