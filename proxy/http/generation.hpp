#pragma once

#include "config/settings.hpp"
#include "proxy/http/static_files.hpp"
#include "proxy/http/upgrade.hpp"

#include <memory>
#include <vector>

namespace trunkline::proxy {

/// All that one load of the configuration says, and what is made of it. Immutable once it is a
/// `shared_ptr<const Generation>`, shared by all workers; whoever uses a part of it holds it, so that several
/// generations can be in use at a time. Any thread.
struct Generation {
    /// Throws what `UpgradeRules` and `load_static_files` throw.
    explicit Generation(config::Settings loaded);

    config::Settings settings;
    UpgradeRules rules;
    std::vector<std::shared_ptr<const StaticFiles>> files;  ///< by route; null where it has none
};

}  // namespace trunkline::proxy
