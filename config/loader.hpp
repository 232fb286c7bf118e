#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/overrides.hpp"
#include "config/problem.hpp"
#include "config/settings.hpp"

namespace trunkline::config {

/// Either settings that are fit to run with, or everything that is wrong, in the order of the file.
struct LoadResult {
    std::optional<Settings> settings;
    std::vector<Problem> problems;  ///< empty exactly if there are settings

    explicit operator bool() const { return settings.has_value(); }
};

/// Reads and checks a configuration file (YAML, `schema.md`), and what it refers to: the link key is read, directories
/// of static files must be there. Relative paths in it start at the file's own directory. Blocks; for the start.
/// Never throws for what stands in a file or override; no text of a problem holds the link key.
LoadResult load(const std::filesystem::path& file, const Overrides& overrides = {});

enum class FileAccess { allowed, none };

/// The same from a text that is said to be that of `file`. With FileAccess::none nothing outside is looked at: no
/// link key, no directories (for tests and fuzzing).
LoadResult load_text(const std::string& text, const std::filesystem::path& file, const Overrides& overrides,
                     FileAccess access);

/// Every key that a configuration may have, as `schema.md` writes it: `routes[].path`, `upstreams.<name>.balance` (for
/// tests, which compare the two).
std::set<std::string> known_keys();

}  // namespace trunkline::config
