#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <trunkline/connection.hpp>

namespace trunkline {

/// Sets of connections to do something to, whichever app server and proxy hold them, within this app server's upstream.
/// An `AppServer` makes them; any thread may use them; they hold copies of what they were made with.
///
/// What they send is encoded once and goes to every proxy, in the order of the calls (SPEC.md "Order"): all proxies
/// take it or none. Their errors: would_block (a proxy that does not keep up delays these calls by at most
/// `Limits::stall_timeout`, then loses its pool), not_connected, too_large, not_utf8, bad_name, closed (after `stop`),
/// and those of `Connection::close` where they close.

/// Sends of all kinds, in the words of `Connection`.
class Target {
  public:
    [[nodiscard]] std::error_code send(std::string_view text) const { return send(MessageKind::text, text); }
    [[nodiscard]] std::error_code send_binary(std::string_view bytes) const { return send(MessageKind::binary, bytes); }
    [[nodiscard]] std::error_code send(MessageKind kind, std::string_view bytes) const;

  protected:
    friend class AppServer;
    enum class Set : std::uint8_t { connection, group, user, all };
    Target(std::shared_ptr<Core> core, Set set, std::string name)
        : core_(std::move(core)), set_(set), name_(std::move(name)) {}
    ~Target() = default;
    Target(const Target&) = default;
    Target& operator=(const Target&) = default;

    std::shared_ptr<Core> core_;
    Set set_;
    std::string name_;
    std::vector<std::string> except_;
};

/// One connection by its id, wherever it is attached. For a connection of this app server the calls are those of
/// `Connection`; else they go to the proxy that holds it. Errors also: unknown_connection.
class ConnectionTarget : public Target {
  public:
    std::error_code close(std::uint16_t code = 1000, std::string_view reason = {}) const;
    [[nodiscard]] std::error_code join(std::string_view group, Completion completion = {}) const;
    [[nodiscard]] std::error_code leave(std::string_view group, Completion completion = {}) const;
    /// Completes with ok or not_found.
    [[nodiscard]] std::error_code exists(Completion completion) const;

  private:
    friend class AppServer;
    using Target::Target;
};

/// The members of a group. A group exists while it has members.
class GroupTarget : public Target {
  public:
    /// Leaves out these connections.
    GroupTarget except(std::vector<std::string> connection_ids) const;
    /// Closes its members.
    [[nodiscard]] std::error_code close(std::uint16_t code = 1000, std::string_view reason = {},
                                        Completion completion = {}) const;
    [[nodiscard]] std::error_code exists(Completion completion) const;

  private:
    friend class AppServer;
    using Target::Target;
};

/// The connections that a user has now. Later ones are not concerned: they join by themselves.
class UserTarget : public Target {
  public:
    /// Leaves these connections out of `close`; sends always go to all of them.
    UserTarget except(std::vector<std::string> connection_ids) const;
    [[nodiscard]] std::error_code close(std::uint16_t code = 1000, std::string_view reason = {},
                                        Completion completion = {}) const;
    [[nodiscard]] std::error_code join(std::string_view group, Completion completion = {}) const;
    [[nodiscard]] std::error_code leave(std::string_view group, Completion completion = {}) const;
    [[nodiscard]] std::error_code leave_all_groups(Completion completion = {}) const;
    [[nodiscard]] std::error_code exists(Completion completion) const;
    [[nodiscard]] std::error_code is_in_group(std::string_view group, Completion completion) const;

  private:
    friend class AppServer;
    using Target::Target;
};

/// Every connection of the upstream.
class AllTarget : public Target {
  public:
    /// Leaves out these connections.
    AllTarget except(std::vector<std::string> connection_ids) const;

  private:
    friend class AppServer;
    using Target::Target;
};

}  // namespace trunkline
