#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trunkline::config {

/// Where something was written: in the configuration file (`origin` empty, `line` and `column` from 1, in characters)
/// or in an override (`origin` = "--set" or "environment NAME", no line).
struct Where {
    std::string origin;
    int line = 0;
    int column = 0;
};

/// One thing wrong with a configuration.
struct Problem {
    std::string source;  ///< the file's path as it was given, or the override's origin
    int line = 0;        ///< 0 = concerns the source as a whole
    int column = 0;
    std::string key;  ///< path to the value, list indexes as numbers: `routes.0.path`; empty = the document
    std::string found;
    std::string expected;

    /// `file:line:column: key: found X, expected Y`, one line whatever was found.
    std::string to_string() const;
};

/// `text` in quotes, cut after 60 bytes, without control characters: fit to be shown in one line.
std::string quote(std::string_view text);

/// "a, b, c" of {"a", "b", "c"}.
std::string join(const std::vector<std::string>& parts, std::string_view separator = ", ");

/// The candidate that `word` was probably meant to be (at most two edits, fewer for short words), or "".
std::string closest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace trunkline::config
