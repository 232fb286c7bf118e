#pragma once

#include <cstdint>
#include <string>

namespace trunkline::proxy {

class AppPort;

/// Where connections that are held can go: the app servers of their upstream.
class AppServers {
  public:
    enum class Which {
        of_that_name,  ///< the app server of that name alone
        any,           ///< it, else whichever the balance chooses
    };
    /// The port of a connection with that key; null if none takes it now.
    virtual AppPort* port_for(std::uint8_t key, const std::string& name, Which which) = 0;
    /// Whether such an app server is there, even if its port is busy now.
    virtual bool has_any(const std::string& name, Which which) const noexcept = 0;

  protected:
    ~AppServers() = default;
};

}  // namespace trunkline::proxy
