#include "config/settings.hpp"

namespace trunkline::config {

std::string Endpoint::to_string() const {
    if (kind == Kind::unix_socket) return "unix://" + path;
    const bool v6 = host.find(':') != std::string::npos;
    return "tcp://" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool Endpoint::is_local() const {
    return kind == Kind::unix_socket || host == "localhost" || host == "::1" || host.starts_with("127.");
}

}  // namespace trunkline::config
