// Any bytes for a configuration file and for overrides (parted by 0xff) give settings fit to run with, or problems of
// one line each; never both, and the same the second time.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "config/loader.hpp"
#include "config/route_pattern.hpp"
#include "config/units.hpp"

using namespace trunkline::config;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check(const Problem& problem) {
    require(!problem.found.empty() && !problem.expected.empty());
    require(problem.line >= 0 && (problem.line == 0) == (problem.column == 0));
    require(problem.line == 0 || problem.source == "fuzz.yaml");
    for (const char c : problem.to_string()) require(static_cast<unsigned char>(c) >= 0x20);
}

void check(const Settings& settings) {
    require(settings.workers >= 1 && parse_proxy_id(settings.proxy_id));
    require(!settings.listeners.empty());
    for (const auto& listener : settings.listeners) require(is_ipv4(listener.host) || is_ipv6(listener.host));
    for (const auto& upstream : settings.upstreams) {
        require(is_plain_name(upstream.name) && upstream.pool_size >= 1);
        require(!upstream.app_servers.empty());
        for (const auto& endpoint : upstream.app_servers) require(parse_app_server(endpoint.to_string()) == endpoint);
    }
    for (const auto& route : settings.routes) {
        require(route_pattern_error(route.path).empty());
        require(route.upstream.empty() != route.files.empty());
        require(route.files.empty() || route.files.is_absolute());
        require(route.ask_timeout.count() > 0 && route.idle_timeout.count() >= 0 && route.max_message_bytes > 0);
    }
    require(settings.links.keep_alive < settings.links.dead_after);
    require(settings.link_key.empty());  // nobody read a file
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    std::vector<std::string> parts;
    for (;;) {
        const std::size_t end = rest.find('\xff');
        parts.emplace_back(rest.substr(0, end));
        if (end == std::string_view::npos || parts.size() == 8) break;
        rest.remove_prefix(end + 1);
    }
    Overrides overrides;
    for (std::size_t i = 1; i < parts.size(); ++i) {
        if (i % 2 == 1) {
            overrides.sets.push_back(parts[i]);
        } else {
            const std::size_t equals = parts[i].find('=');
            overrides.environment.emplace_back("TRUNKLINE__" + parts[i].substr(0, equals),
                                               equals == std::string::npos ? "" : parts[i].substr(equals + 1));
        }
    }
    const LoadResult result = load_text(parts[0], "fuzz.yaml", overrides, FileAccess::none);
    require(result.settings.has_value() == result.problems.empty());
    for (const auto& problem : result.problems) check(problem);
    if (result) check(*result.settings);
    require(load_text(parts[0], "fuzz.yaml", overrides, FileAccess::none).problems.size() == result.problems.size());
    return 0;
}
