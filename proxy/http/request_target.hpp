#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace trunkline::proxy {

/// A request target taken apart. The path is percent-decoded once, here, and everybody who asks about paths (routes,
/// static files, the app) asks about this one: two readings of one path are how checks are walked around.
struct RequestTarget {
    std::string path;        ///< decoded, begins with `/`, valid UTF-8
    std::string_view query;  ///< as it came, without the `?`; views the target
};

/// Only origin-form (`/path?query`) is a target here. Refused besides: what is not ASCII in print, a fragment, a broken
/// or truncated percent sign, a segment `.` or `..` in any spelling, an encoded slash, any backslash, encoded control
/// characters, and a path that decodes to something else than UTF-8.
std::optional<RequestTarget> parse_target(std::string_view target);

}  // namespace trunkline::proxy
