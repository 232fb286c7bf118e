#pragma once

// Not boost_result.hpp, which brings exception_ptr.hpp and with it half a second and a megabyte to every file.
#include <boost/outcome/basic_result.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <type_traits>

// What Outcome has to know of Boost's error codes (boost_result.hpp says the same, and more that nobody here uses).
BOOST_OUTCOME_V2_NAMESPACE_BEGIN
namespace trait {
template <>
struct is_error_type<boost::system::error_code> : std::true_type {};
template <class Enum>
struct is_error_type_enum<boost::system::error_code, Enum>
    : std::bool_constant<boost::system::is_error_code_enum<Enum>::value> {};
}  // namespace trait
BOOST_OUTCOME_V2_NAMESPACE_END

namespace trunkline::protocol {

/// What happens where a value is taken of a result that is an error: it is thrown, as `boost::system::system_error`.
/// Who has not looked has made a mistake; where there is no error, asking for it ends the process.
struct ThrowsError : boost::outcome_v2::policy::base {
    template <class Impl>
    static constexpr void wide_value_check(Impl&& self) {
        if (!_has_value(self)) throw boost::system::system_error(_error(self));
    }
    template <class Impl>
    static constexpr void wide_error_check(Impl&& self) {
        if (!_has_error(self)) std::terminate();
    }
    template <class Impl>
    static constexpr void wide_exception_check(Impl&&) {}
};

/// A value or an `error_code` of one of our categories (errc.hpp). Expected failures are values, never exceptions.
template <class T>
using Result = boost::outcome_v2::basic_result<T, boost::system::error_code, ThrowsError>;

/// The value of a `Result<void>` that is none.
inline auto success() noexcept { return boost::outcome_v2::success(); }

}  // namespace trunkline::protocol
