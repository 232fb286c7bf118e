#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace trunkline::proxy {

// How text that a client controls gets into a log line without being able to end it, start another, or repaint a
// terminal. Valid UTF-8 stays readable; control characters, line and paragraph separators and bidirectional overrides
// are escaped; invalid bytes are shown as such (text) or as U+FFFD (JSON).

/// A value longer than this is cut, at a character's boundary, and ends in `...`.
inline constexpr std::size_t kMaxLogValueBytes = 1024;

/// Appends `value` as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view value);

/// Appends `value` bare if it needs neither quotes nor escapes, else in double quotes with C-like escapes.
void append_text_value(std::string& out, std::string_view value);

/// Appends `message` without quotes, with what cannot be printed escaped.
void append_text_message(std::string& out, std::string_view message);

/// `target` as a log may show it: its path, and of what follows only that there is something: `/chat?***`. Which
/// parameters are secrets only the app knows. `***` alone for what is no path: an absolute URI may carry a password.
std::string redact_target(std::string_view target);

}  // namespace trunkline::proxy
