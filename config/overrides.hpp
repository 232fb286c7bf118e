#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/node.hpp"

namespace trunkline::config {

/// Values given outside the file. A flag goes before the environment, that before the file; of two flags for one key
/// the later counts. Keys are paths with dots, a list index is a number (the list's length appends):
/// `admin.address=127.0.0.1:9091`, `routes.0.allow_origins=[https://a.example]`. A value that begins with `[` or `{`
/// is YAML, any other is taken as it stands.
struct Overrides {
    std::vector<std::string> sets;  ///< `key=value`, of `--set`, in their order
    /// Name and value of variables. Those that begin with `TRUNKLINE__` count: levels parted by two underscores, upper
    /// case for lower case (`TRUNKLINE__LIMITS__OUTBOX`). All others are left alone, `TRUNKLINE_X` too.
    std::vector<std::pair<std::string, std::string>> environment;
};

/// The variables of a process (`environ`) that concern us.
std::vector<std::pair<std::string, std::string>> relevant_environment(const char* const* environ);

/// Whether `text` has the form `key=value` with no empty level in its key.
bool is_assignment(std::string_view text);

/// Writes the overrides into the tree, where they name themselves as their origin.
void apply(const Overrides& overrides, YamlValue& root, Reading& reading);

}  // namespace trunkline::config
