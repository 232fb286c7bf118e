#pragma once

#include <string>
#include <string_view>

namespace trunkline::proxy {

/// What the admin listener serves. Called on the admin's thread only; must answer from memory, without waiting for a
/// worker.
class AdminSource {
  public:
    struct Answer {
        bool ok = false;  ///< 200, else 503
        std::string body;
    };

    virtual ~AdminSource() = default;

    /// `/healthz`: plain text.
    virtual Answer health() = 0;
    /// `/readyz`: JSON.
    virtual Answer readiness() = 0;
    /// `/metrics`: Prometheus' text format 0.0.4.
    virtual std::string metrics() = 0;
    /// `PUT /upstreams/NAME?pool_size=N`: false if there is no upstream of that name.
    virtual bool resize(std::string_view upstream, unsigned pool_size) = 0;
};

}  // namespace trunkline::proxy
