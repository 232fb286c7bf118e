#pragma once

#include <string>
#include <string_view>

namespace trunkline::config {

/// What is wrong with a route's path pattern, in a few words, or "" if it is one: `/` and segments; `{name}` is a
/// whole segment, `*` only the last. Patterns are matched with decoded paths, so they hold no percent escapes.
std::string route_pattern_error(std::string_view pattern);

/// The pattern with the names of its parameters left out: two patterns of one shape match the same paths.
std::string route_shape(std::string_view pattern);

}  // namespace trunkline::config
