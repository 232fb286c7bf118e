#pragma once

#include <boost/system/error_code.hpp>
#include <cerrno>

namespace trunkline::net {

/// `errno` as an error code, after a system call that failed.
inline boost::system::error_code last_error() noexcept { return {errno, boost::system::system_category()}; }

}  // namespace trunkline::net
