#pragma once

#include "config/node.hpp"
#include "config/settings.hpp"

namespace trunkline::config {

/// Reports what takes two settings to be wrong, at the places noted in `reading`: unknown and shared names and
/// addresses, the same route twice, a missing link key, times that contradict each other. Looks at nothing outside.
void validate(const Settings& settings, Reading& reading);

}  // namespace trunkline::config
