#include "config/settings.hpp"

#include "trunkline/protocol/loopback.hpp"

namespace trunkline::config {

std::string AppServerSettings::to_string() const {
    if (kind == Kind::unix_socket) return "unix://" + path;
    const bool v6 = host.find(':') != std::string::npos;
    return "tcp://" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool AppServerSettings::is_local() const { return kind == Kind::unix_socket || protocol::is_loopback(host); }

}  // namespace trunkline::config
