#pragma once

#include <any>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <trunkline/error.hpp>
#include <trunkline/message.hpp>

namespace trunkline {

struct ConnectionState;
class Core;

/// Called on the loop, exactly once, with what a request came to. Never called if the request answered an error.
using Completion = std::function<void(AckStatus)>;

/// Called on the loop, exactly once: without an error when there is room, with `closed` when there never will be. After
/// the end of the app server there is no loop: then it is called at once, by the thread that asks.
using WritableCallback = std::function<void(std::error_code)>;

/// A header line, a claim or a path parameter of the client's request.
struct NameValue {
    std::string_view name;
    std::string_view value;
};

/// What `co_await connection.wait_writable()` waits with. Resumes on the loop; yields the error of `WritableCallback`.
class [[nodiscard]] WritableAwaiter {
  public:
    explicit WritableAwaiter(std::function<void(WritableCallback)> wait) : wait_(std::move(wait)) {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
        // The frame, and this object in it, may be gone as soon as the callback can run: nothing is touched after.
        auto wait = std::move(wait_);
        wait([this, caller](std::error_code error) {
            error_ = error;
            caller.resume();
        });
    }
    std::error_code await_resume() const noexcept { return error_; }

  private:
    std::function<void(WritableCallback)> wait_;
    std::error_code error_;
};

/// A client's connection, attached to this app server: a handle to copy and keep at will. It stays valid for ever; once
/// the connection has ended, calls answer `closed` and do nothing.
///
/// Unless it says otherwise a member may be called from any thread. Calls take effect in the order in which they
/// happened: what one thread does before another is told of it takes effect first, for data, groups and close alike
/// (SPEC.md "Order"). No call blocks.
///
/// The views that its members return live as long as any handle of this connection.
class Connection {
  public:
    /// No connection: reads are empty, calls answer `closed`.
    Connection() = default;

    explicit operator bool() const noexcept { return state_ != nullptr; }
    bool operator==(const Connection&) const noexcept = default;

    /// The public id that every proxy and app server knows this connection by: 22 characters, opaque.
    std::string_view id() const noexcept;
    /// The user: the one that the proxy found, replaced by the one given to `Answer::accept`. Empty: anonymous.
    std::string_view user() const noexcept;
    /// Claims of the client's token, in order; a name may come more than once.
    std::span<const NameValue> claims() const noexcept;
    /// The first claim of that name, or empty.
    std::string_view claim(std::string_view name) const noexcept;
    /// The headers of the upgrade request, in order, without those of its hop and without claims of the client's
    /// address.
    std::span<const NameValue> headers() const noexcept;
    /// The first header of that name (case does not matter), or empty.
    std::string_view header(std::string_view name) const noexcept;
    /// The address of whoever connected to the proxy, as `address:port`: behind a load balancer, the balancer's.
    std::string_view remote_address() const noexcept;
    /// The path of the request, with its percent-escapes decoded, as routes are matched on it.
    std::string_view path() const noexcept;
    /// The value of `{name}` in the route's path, or empty.
    std::string_view path_parameter(std::string_view name) const noexcept;
    /// The query of the request without its `?`.
    std::string_view query() const noexcept;
    /// The Host that the client asked for.
    std::string_view host() const noexcept;
    /// The WebSocket sub-protocol that was chosen, or empty.
    std::string_view subprotocol() const noexcept;
    /// Why it is open here: for a new client, or in place of another app server.
    Opened opened() const noexcept;
    /// The groups that it was in when it was opened here; none for a new client.
    std::span<const std::string_view> groups() const noexcept;
    /// The id of the proxy that holds the client's socket.
    std::string_view proxy() const noexcept;
    /// Whether calls can still have an effect. A connection that is open may have ended when the answer is looked at.
    bool is_open() const noexcept;

    /// Sends text. The bytes are copied; "sent" promises that they will reach the proxy unless its pool ends, in order.
    /// Errors: would_block, closed, not_accepted, too_large, not_utf8.
    [[nodiscard]] std::error_code send(std::string_view text) const;
    /// Sends bytes; errors as above, but not_utf8.
    [[nodiscard]] std::error_code send_binary(std::string_view bytes) const;
    /// Sends bytes as a message of that kind.
    [[nodiscard]] std::error_code send(MessageKind kind, std::string_view bytes) const;

    /// Ends the connection: what was sent before still goes out, then the client gets this code and reason. No message
    /// of it is handled any more, and `on_disconnect` (by app) follows after the running callback. It needs no room, so
    /// it never answers would_block. Errors: closed, bad_close_code, reason_too_long, not_utf8.
    std::error_code close(std::uint16_t code = 1000, std::string_view reason = {}) const;

    /// Puts the connection into a group of its upstream, or takes it out. What is sent to the group afterwards, by
    /// whoever knows of this call, reaches it. `completion` may be empty. Errors: would_block, closed, not_accepted,
    /// bad_name, not_utf8, too_large.
    [[nodiscard]] std::error_code join(std::string_view group, Completion completion = {}) const;
    [[nodiscard]] std::error_code leave(std::string_view group, Completion completion = {}) const;
    [[nodiscard]] std::error_code leave_all_groups(Completion completion = {}) const;

    /// Stops the flow of this client's messages: no `on_message` until `resume`, and its proxy stops reading it. What
    /// is under way meanwhile is kept (`Limits::parked_per_connection`). When the client leaves while it is paused, the
    /// pause ends: the kept messages are handed out, then comes `on_disconnect`. Calling either twice does no harm.
    void pause() const;
    void resume() const;

    /// Whether a send would now find room, and the client keeps up with what it was sent (SPEC.md "Backlog"). A slow
    /// client that is sent more and more meets the outbox policy of its proxy; whoever streams should wait.
    bool is_writable() const noexcept;
    /// Calls back on the loop when `is_writable` holds, never inside this call.
    void when_writable(WritableCallback callback) const;
    /// The same for coroutines: `std::error_code error = co_await connection.wait_writable();`
    WritableAwaiter wait_writable() const;

    /// A place for what the app keeps per connection; on the loop only. It is freed with the last handle.
    std::any& data() const noexcept;

  private:
    friend class Core;
    friend struct std::hash<Connection>;
    explicit Connection(std::shared_ptr<ConnectionState> state) noexcept : state_(std::move(state)) {}

    std::shared_ptr<ConnectionState> state_;
};

/// What an accepted connection starts with.
struct Acceptance {
    /// The user id; empty leaves what the proxy found.
    std::string user;
    /// The groups that it is in before anything sent afterwards can pass it by.
    std::vector<std::string> groups;
    /// One of the sub-protocols that the client offered. Only looked at where the route asks the app first.
    std::string subprotocol;
};

/// The one answer to a new connection. It may be moved anywhere, kept, and given from any thread; until then messages
/// of the connection are kept and sends to it answer not_accepted. Dropped without an answer it refuses with 403.
class Answer {
  public:
    Answer() = default;
    Answer(Answer&&) noexcept = default;
    Answer& operator=(Answer&& other) noexcept;
    ~Answer();

    /// Takes the connection; from here on it can be sent to. Errors: already_answered, closed (the client left),
    /// bad_name, not_utf8, too_large (of the names); after one of the last three it can be answered again.
    std::error_code accept(Acceptance acceptance = {});

    /// Turns the client away, with an HTTP status 400-499 or a close code. Where the route asks the app first the
    /// client gets the status (403 for a close code); else it is open already and gets the close code (1008 for a
    /// status). `on_disconnect` (by app) follows. Errors: already_answered, closed, bad_refusal, reason_too_long,
    /// not_utf8.
    std::error_code refuse(std::uint16_t code = 403, std::string_view reason = {});

  private:
    friend class Core;
    explicit Answer(std::shared_ptr<ConnectionState> state) noexcept : state_(std::move(state)) {}

    std::shared_ptr<ConnectionState> state_;
};

}  // namespace trunkline

template <>
struct std::hash<trunkline::Connection> {
    std::size_t operator()(const trunkline::Connection& connection) const noexcept {
        return std::hash<const void*>{}(connection.state_.get());
    }
};
