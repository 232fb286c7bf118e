#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "config/loader.hpp"
#include "config/tree.hpp"

using namespace trunkline::config;

namespace {

const std::filesystem::path kConfig = TRUNKLINE_CONFIG_DIR;

std::string content(const std::filesystem::path& path) {
    std::ifstream in(path);
    REQUIRE(in);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// The first cells of the table under "## Keys".
std::set<std::string> documented_keys() {
    std::set<std::string> keys;
    std::istringstream lines(content(kConfig / "schema.md"));
    bool in_table = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("## ")) in_table = line == "## Keys";
        if (!in_table || !line.starts_with("| `")) continue;
        const std::string key = line.substr(3, line.find('`', 3) - 3);
        CAPTURE(key);
        CHECK(keys.insert(key).second);
    }
    return keys;
}

/// Every key that a document has, as schema.md writes it.
void collect_keys(const YamlValue& value, const std::string& pattern, std::set<std::string>& keys) {
    for (const auto& child : value.children) {
        std::string path = pattern + "[]";
        if (value.kind == YamlValue::Kind::map) {
            path = pattern == "upstreams" ? "upstreams.<name>"
                   : pattern.empty()      ? child.key
                                          : pattern + "." + child.key;
            if (pattern != "upstreams") keys.insert(path);
        }
        collect_keys(child, path, keys);
    }
}

Settings load_example(const char* name) {
    // The examples name keys and directories of a machine that is not this one.
    const auto file = kConfig / "examples" / name;
    const auto result = load_text(content(file), file, {}, FileAccess::none);
    for (const auto& problem : result.problems) UNSCOPED_INFO(problem.to_string());
    REQUIRE(result);
    return *result.settings;
}

}  // namespace

TEST_CASE("examples: each loads", "[config][examples]") {
    CHECK(load_example("minimal.yaml").upstreams.at(0).name == "echo");
    CHECK(load_example("typical.yaml").routes.size() == 2);
    CHECK(load_example("full.yaml").listeners.at(1).host == "::");
}

TEST_CASE("examples: full has every key, and the defaults it claims", "[config][examples]") {
    std::vector<Problem> problems;
    std::set<std::string> keys;
    collect_keys(parse_yaml(content(kConfig / "examples/full.yaml"), "full.yaml", problems), "", keys);
    CHECK(problems.empty());
    CHECK(keys == known_keys());

    const Settings full = load_example("full.yaml");
    const Settings defaults;
    CHECK(full.max_connection_age == defaults.max_connection_age);
    CHECK(full.pre_stop_delay == defaults.pre_stop_delay);
    CHECK(full.drain_timeout == defaults.drain_timeout);
    CHECK(full.admin.host == defaults.admin.host);
    CHECK(full.admin.port == defaults.admin.port);
    CHECK(full.log.level == defaults.log.level);
    CHECK(full.log.format == defaults.log.format);
    CHECK(full.limits.connections == defaults.limits.connections);
    CHECK(full.limits.outbox_bytes == defaults.limits.outbox_bytes);
    CHECK(full.limits.accept_rate == defaults.limits.accept_rate);
    CHECK(full.limits.accept_per_address == defaults.limits.accept_per_address);
    CHECK(full.limits.fragments == defaults.limits.fragments);
    CHECK(full.timeouts.request_head == defaults.timeouts.request_head);
    CHECK(full.timeouts.ping == defaults.timeouts.ping);
    CHECK(full.timeouts.pong == defaults.timeouts.pong);
    CHECK(full.timeouts.close == defaults.timeouts.close);
    CHECK(full.timeouts.write_progress == defaults.timeouts.write_progress);
    CHECK(full.timeouts.message == defaults.timeouts.message);
    CHECK(full.links.connect == defaults.links.connect);
    CHECK(full.links.handshake == defaults.links.handshake);
    CHECK(full.links.keep_alive == defaults.links.keep_alive);
    CHECK(full.links.dead_after == defaults.links.dead_after);
    CHECK(full.links.ack_delay == defaults.links.ack_delay);
    CHECK(full.links.redial_min == defaults.links.redial_min);
    CHECK(full.links.redial_max == defaults.links.redial_max);
    CHECK(full.links.resolve_every == defaults.links.resolve_every);
    CHECK(full.links.resume_window == defaults.links.resume_window);
    CHECK(full.links.gone_after == defaults.links.gone_after);
    CHECK(full.links.window_bytes == defaults.links.window_bytes);
    CHECK(full.links.ring_bytes == defaults.links.ring_bytes);
    CHECK(full.links.max_frame_bytes == defaults.links.max_frame_bytes);
    const RouteSettings route_defaults;
    const RouteSettings& route = full.routes.at(0);
    CHECK(route.ask == route_defaults.ask);
    CHECK(route.ask_timeout == route_defaults.ask_timeout);
    CHECK(route.max_message_bytes == route_defaults.max_message_bytes);
    CHECK(route.outbox_policy == route_defaults.outbox_policy);
    CHECK(route.idle_timeout == route_defaults.idle_timeout);
    CHECK(full.upstreams.at(0).pool_size == UpstreamSettings{}.pool_size);
    CHECK(full.upstreams.at(0).linger == UpstreamSettings{}.linger);
    CHECK(full.upstreams.at(0).balance == UpstreamSettings{}.balance);
    CHECK(full.upstreams.at(0).when_lost.hold == UpstreamSettings{}.when_lost.hold);
    CHECK(full.upstreams.at(0).when_lost.then == UpstreamSettings{}.when_lost.then);
    CHECK(full.upstreams.at(0).app_servers.back().direct == AppServerSettings{}.direct);
}

TEST_CASE("schema.md: has every key that the loader asks for, and no other", "[config][schema]") {
    CHECK(documented_keys() == known_keys());
}
