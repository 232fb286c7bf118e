#pragma once

#include <string>

namespace trunkline::load {

/// Why nothing could be written to that path now; empty if it could. It changes nothing there.
std::string why_not_writable(const std::string& path);

/// Writes the whole file anew; false if that failed.
bool write_file(const std::string& path, const std::string& content);

}  // namespace trunkline::load
