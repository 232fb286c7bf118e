#pragma once

#include <filesystem>

#include "config/loader.hpp"
#include "config/node.hpp"
#include "config/settings.hpp"

namespace trunkline::config {

/// Reads every section of the document into settings; the defaults that depend on the machine are still open. Relative
/// paths start at `directory`.
Settings read_settings(const YamlValue& root, const std::filesystem::path& directory, FileAccess access,
                       Reading& reading);

/// At most `limit` bytes of a file and one more, by which the caller sees that there are more; nullopt if it cannot
/// be read.
std::optional<std::string> read_file(const std::filesystem::path& path, std::size_t limit);

}  // namespace trunkline::config
