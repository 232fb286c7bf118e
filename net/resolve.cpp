#include "net/resolve.hpp"

#include <strings.h>

#include <algorithm>
#include <cstring>

namespace trunkline::net {

std::optional<Endpoint> resolve_without_lookup(const Endpoint& endpoint) {
    if (endpoint.is_numeric()) return endpoint;
    // Everywhere the same, whatever a hosts file says of ::1, where nobody may be listening.
    if (::strcasecmp(endpoint.host.c_str(), "localhost") == 0) return Endpoint::tcp("127.0.0.1", endpoint.port);
    return std::nullopt;
}

std::vector<Endpoint> to_endpoints(const Resolver::results_type& results) {
    std::vector<Endpoint> endpoints;
    for (const auto& entry : results) {
        const auto endpoint = entry.endpoint();
        SocketAddress address;
        std::memcpy(&address.storage, endpoint.data(), endpoint.size());
        address.length = static_cast<socklen_t>(endpoint.size());
        endpoints.push_back(address.to_endpoint());
    }
    std::sort(endpoints.begin(), endpoints.end());
    endpoints.erase(std::unique(endpoints.begin(), endpoints.end()), endpoints.end());
    return endpoints;
}

}  // namespace trunkline::net
