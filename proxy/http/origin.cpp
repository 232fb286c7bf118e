#include "proxy/http/origin.hpp"

#include "trunkline/protocol/ascii.hpp"

#include <algorithm>
#include <stdexcept>

namespace trunkline::proxy {
namespace {

std::optional<std::uint16_t> default_port(std::string_view scheme) {
    if (scheme == "http" || scheme == "ws") return std::uint16_t{80};
    if (scheme == "https" || scheme == "wss") return std::uint16_t{443};
    return std::nullopt;
}

}  // namespace

OriginPolicy::OriginPolicy(const std::vector<std::string>& allow_origins) : same_host_(allow_origins.empty()) {
    for (const auto& entry : allow_origins) {
        if (entry == "*") {
            any_ = true;
        } else if (auto origin = parse(entry)) {
            listed_.push_back(*std::move(origin));
        } else {
            throw std::invalid_argument("not an origin: " + entry);
        }
    }
}

bool OriginPolicy::allows(std::optional<std::string_view> text, const Authority& host) const {
    if (!text || any_) return true;
    const auto origin = parse(*text);
    if (!origin) return false;
    if (!same_host_) return std::find(listed_.begin(), listed_.end(), *origin) != listed_.end();

    const auto port = host.port ? host.port : default_port(origin->scheme);
    return origin->authority.host == host.host && origin->authority.port == port;
}

std::optional<OriginPolicy::Origin> OriginPolicy::parse(std::string_view text) {
    const auto separator = text.find("://");
    if (separator == std::string_view::npos || !protocol::is_token(text.substr(0, separator))) return std::nullopt;
    auto authority = parse_authority(text.substr(separator + 3));
    if (!authority) return std::nullopt;

    Origin origin;
    origin.scheme = protocol::to_lower(text.substr(0, separator));
    origin.authority = *std::move(authority);
    if (!origin.authority.port) origin.authority.port = default_port(origin.scheme);
    return origin;
}

}  // namespace trunkline::proxy
