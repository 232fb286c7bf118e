#pragma once

#include <memory>
#include <string>
#include <vector>

#include "appserver-sdk/src/connection_state.hpp"

namespace trunkline {

/// Why a drain is not done yet, for the log: what these connections wait for, how many for each reason and the ids of a
/// few of them, and what the proxies of these pools have not done. On the loop.
std::string what_holds_up(const std::vector<std::shared_ptr<ConnectionState>>& connections,
                          const std::vector<Pool*>& pools);

}  // namespace trunkline
