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

}  // namespace trunkline::config
