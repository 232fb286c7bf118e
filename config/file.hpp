#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

namespace trunkline::config {

/// At most `limit` bytes of a regular file and one more, by which the caller sees that there are more; nullopt, and
/// why, if it cannot be read or is something else. What would make a reader wait for ever (a pipe, a device) is refused
/// unread, also where it took the file's place a moment ago.
std::optional<std::string> read_regular_file(const std::filesystem::path& path, std::size_t limit, std::error_code& ec);

/// Whether read_regular_file would open it: no error, or why not.
std::error_code regular_file_error(const std::filesystem::path& path);

}  // namespace trunkline::config
