#include "config/settings.hpp"

#include "config/units.hpp"

namespace trunkline::config {

std::string AppServerSettings::to_string() const {
    if (kind == Kind::unix_socket) return "unix://" + path;
    const bool v6 = host.find(':') != std::string::npos;
    return "tcp://" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool AppServerSettings::is_local() const {
    // A name may begin with "127." too, and lead anywhere.
    return kind == Kind::unix_socket || host == "localhost" || host == "::1" ||
           (host.starts_with("127.") && is_ipv4(host));
}

}  // namespace trunkline::config
