#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"

namespace trunkline::config {

/// One value of a YAML document as it was written: scalars are text, nothing is guessed from it (no octal `010`, no
/// boolean `no`), duplicate keys are kept, an alias is a copy of its anchor's value that stands where the alias stands.
struct YamlValue {
    enum class Kind { null, scalar, list, map };

    Kind kind = Kind::null;
    bool quoted = false;  ///< a scalar in quotes or a block: text even if it looks like a number
    Where where;
    std::string text;                 ///< scalar
    std::vector<YamlValue> children;  ///< list and map, in the order of the document

    std::string key;  ///< of a map's child
    Where key_where;
};

// What a document may be at most; a file within them costs some megabytes and milliseconds, whatever is in it.
inline constexpr std::size_t kMaxFileBytes = 1 << 20;
inline constexpr std::size_t kMaxDepth = 32;
inline constexpr std::size_t kMaxNodes = 20'000;           ///< aliases counted as often as they are used
inline constexpr std::size_t kMaxExpandedBytes = 4 << 20;  ///< of text, likewise

/// Parses one YAML document; an empty one is null. What cannot be parsed, or is beyond a limit, is one problem with
/// `source` in it, and the value is null. Takes any bytes, never throws.
YamlValue parse_yaml(const std::string& text, const std::string& source, std::vector<Problem>& problems);

}  // namespace trunkline::config
