#include "config/validate.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/route_pattern.hpp"
#include "config/units.hpp"

namespace trunkline::config {

namespace {

/// One name for one place, however it is written.
std::string canonical(AppServerSettings endpoint) {
    if (endpoint.host == "localhost") endpoint.host = "127.0.0.1";
    return endpoint.to_string();
}

std::string address(const std::string& host, std::uint16_t port) {
    return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

/// Whether the two cannot listen at once: the same address, or one stands for all of its family. The admin listener's
/// `::` takes IPv4 as well.
bool overlap(const AdminSettings& admin, const ListenerSettings& listener) {
    const auto is_any = [](const std::string& host) { return host == "0.0.0.0" || host == "::"; };
    const auto is_v6 = [](const std::string& host) { return host.find(':') != std::string::npos; };
    if (admin.port != listener.port) return false;
    if (admin.host == listener.host || admin.host == "::") return true;
    return is_v6(admin.host) == is_v6(listener.host) && (is_any(admin.host) || is_any(listener.host));
}

void check_listeners(const Settings& settings, Reading& reading) {
    std::map<std::string, std::string> owners;
    for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
        const auto& listener = settings.listeners[i];
        if (listener.port == 0) continue;  // a port of its own
        const std::string key = "listeners." + std::to_string(i) + ".address";
        const auto [it, is_first] = owners.emplace(address(listener.host, listener.port), key);
        if (!is_first) reading.report_at(key, quote(it->first) + " again", "an address other than " + it->second);
    }
    const auto& admin = settings.admin;
    for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
        const auto& listener = settings.listeners[i];
        if (admin.port == 0 || !overlap(admin, listener)) continue;
        reading.report_at("admin.address", quote(address(admin.host, admin.port)),
                          "an address other than listeners." + std::to_string(i) + ".address (" +
                              address(listener.host, listener.port) + ")");
    }
}

void check_upstreams(const Settings& settings, Reading& reading) {
    const bool has_key = !settings.link_key_file.empty() || reading.places.count("link_key_file") > 0;
    std::map<std::string, std::string> owners;
    for (const auto& upstream : settings.upstreams) {
        for (std::size_t i = 0; i < upstream.app_servers.size(); ++i) {
            const AppServerSettings& endpoint = upstream.app_servers[i];
            if (endpoint == AppServerSettings{}) continue;  // reported already
            const std::string key = "upstreams." + upstream.name + ".app_servers." + std::to_string(i);
            const auto [it, is_first] = owners.emplace(canonical(endpoint), key);
            if (!is_first)
                reading.report_at(key, quote(endpoint.to_string()) + " again",
                                  "each app server in one upstream, once (also " + it->second + ")");
            if (!endpoint.is_local() && !has_key)
                reading.report_at(key, quote(endpoint.to_string()) + " and no link_key_file",
                                  "a link_key_file, because the address is not on this machine's loopback");
        }
    }
}

std::string expected_upstream(const std::string& written, const std::vector<std::string>& names) {
    constexpr std::size_t kShownNames = 20;
    if (names.empty()) return "an upstream, but none is configured";
    if (names.size() > kShownNames) return "one of " + std::to_string(names.size()) + " upstreams";
    const std::string close = closest(written, names);
    return "one of " + join(names) + (close.empty() ? "" : "; did you mean " + close + "?");
}

void check_routes(const Settings& settings, Reading& reading) {
    std::vector<std::string> names;
    for (const auto& upstream : settings.upstreams) names.push_back(upstream.name);
    std::map<std::pair<std::string, std::string>, std::size_t> first;
    for (std::size_t i = 0; i < settings.routes.size(); ++i) {
        const auto& route = settings.routes[i];
        const std::string key = "routes." + std::to_string(i);
        if (!route.upstream.empty() && std::find(names.begin(), names.end(), route.upstream) == names.end()) {
            reading.report_at(key + ".upstream", quote(route.upstream), expected_upstream(route.upstream, names));
        }
        if (route.path.empty()) continue;  // reported already
        const auto [it, is_first] = first.emplace(std::pair(route.host, route_shape(route.path)), i);
        if (!is_first)
            reading.report_at(key + ".path", quote(route.path) + " again",
                              "a path or host that differs from those of routes." + std::to_string(it->second));
    }
}

void check_order(const std::string& key, milliseconds smaller, const char* than, milliseconds greater,
                 Reading& reading) {
    if (smaller > greater)
        reading.report_at(key, quote(format_duration(smaller)),
                          std::string("at most ") + than + " (" + format_duration(greater) + ")");
}

void check_links(const LinkSettings& links, Reading& reading) {
    if (links.keep_alive >= links.dead_after)
        reading.report_at("links.keep_alive", quote(format_duration(links.keep_alive)),
                          "less than links.dead_after (" + format_duration(links.dead_after) + ")");
    check_order("links.ack_delay", links.ack_delay, "links.keep_alive", links.keep_alive, reading);
    check_order("links.redial_min", links.redial_min, "links.redial_max", links.redial_max, reading);
}

}  // namespace

void validate(const Settings& settings, Reading& reading) {
    check_listeners(settings, reading);
    check_upstreams(settings, reading);
    check_routes(settings, reading);
    check_links(settings.links, reading);
}

}  // namespace trunkline::config
