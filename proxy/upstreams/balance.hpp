#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "config/settings.hpp"

namespace trunkline::proxy {

/// One app server as the choice sees it.
struct Candidate {
    bool takes_opens = false;     ///< its pool is up and the lane that is next has room
    std::size_t connections = 0;  ///< of this worker
};

/// Chooses the app server of a new connection; one per upstream and worker. Pure.
class Balancer {
  public:
    explicit Balancer(config::Balance policy) : policy_(policy) {}

    /// The index of the chosen one, or nothing if none takes Opens. Equal ones take turns.
    std::optional<std::size_t> choose(std::span<const Candidate> candidates) {
        std::optional<std::size_t> best;
        for (std::size_t i = 0; i < candidates.size(); ++i) {
            const std::size_t at = (next_ + i) % candidates.size();
            if (!candidates[at].takes_opens) continue;
            if (!best || candidates[at].connections < candidates[*best].connections) best = at;
            if (policy_ == config::Balance::round_robin) break;
        }
        if (best) next_ = *best + 1;
        return best;
    }

  private:
    const config::Balance policy_;
    std::size_t next_ = 0;
};

}  // namespace trunkline::proxy
