#include "appserver-sdk/src/core/log.hpp"

#include <algorithm>
#include <string>

namespace trunkline {
namespace {

constexpr std::size_t kLongestLine = 512;

}  // namespace

void Log::write(LogLevel level, std::string_view text) const {
    if (!options_.on_log) return;
    // A peer may have chosen parts of it.
    std::string line(text.substr(0, kLongestLine));
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    if (line.size() < text.size()) line += "...";
    try {
        options_.on_log(level, line);
    } catch (...) {  // a log that fails must not take the app server with it
    }
}

}  // namespace trunkline
