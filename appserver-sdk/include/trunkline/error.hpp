#pragma once

#include <cassert>
#include <system_error>
#include <utility>
#include <variant>

namespace trunkline {

/// Why a call of the SDK did nothing. All of these are values of the category "trunkline"; `message()` is a sentence.
/// A call that answers an error has had no effect at all, and never calls its completion.
enum class errc {
    would_block = 1,     ///< a lane it needs is full; wait with `when_writable` (SPEC.md "Limits")
    closed,              ///< the connection, or the app server itself, has ended
    not_accepted,        ///< the connection's `Answer` has not been given yet
    already_answered,    ///< the connection's `Answer` was given before
    too_large,           ///< the frame would be longer than a proxy concerned takes (SPEC.md "Handshake", key 12)
    not_utf8,            ///< text, a name or a reason that is not UTF-8
    bad_close_code,      ///< a code outside 1000-1003, 1007-1014 and 3000-4999 (SPEC.md "Close")
    bad_refusal,         ///< neither an HTTP status 400-499 nor a close code
    reason_too_long,     ///< a close reason of more than 123 bytes
    bad_name,            ///< an empty name of a group or a user
    not_offered,         ///< a sub-protocol that the client did not offer (RFC 6455 section 4.2.2)
    unknown_connection,  ///< not a connection id, or the id of a proxy that is not linked (SPEC.md "Connection ids")
    not_connected,       ///< no proxy is linked, so nobody could receive it
    bad_address,         ///< not `tcp://address:port` nor `unix:///path`
    link_key_required,   ///< a TCP address off loopback without a link key (SPEC.md "Handshake")
    bad_link_key,        ///< the link key is too short, or its file too long or cannot be read
    already_running,     ///< `run` was called before
};

const std::error_category& error_category() noexcept;
std::error_code make_error_code(errc code) noexcept;

/// A value or the error that kept it from being made. Reading the value of an error is a bug of the caller's.
template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
    Result(std::error_code error) : held_(std::in_place_index<1>, error) {}
    Result(errc error) : Result(make_error_code(error)) {}

    bool has_value() const noexcept { return held_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    const T& value() const& noexcept {
        assert(has_value());
        return *std::get_if<0>(&held_);
    }
    T&& value() && noexcept {
        assert(has_value());
        return std::move(*std::get_if<0>(&held_));
    }
    const T& operator*() const& noexcept { return value(); }
    const T* operator->() const noexcept { return &value(); }

    /// The error, or a zero code where there is a value.
    std::error_code error() const noexcept {
        const auto* error = std::get_if<1>(&held_);
        return error != nullptr ? *error : std::error_code{};
    }

  private:
    std::variant<T, std::error_code> held_;
};

}  // namespace trunkline

template <>
struct std::is_error_code_enum<trunkline::errc> : std::true_type {};
