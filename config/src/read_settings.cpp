#include "config/src/read_settings.hpp"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "config/file.hpp"
#include "config/route_pattern.hpp"
#include "config/static_tree.hpp"
#include "config/units.hpp"
#include "trunkline/protocol/ascii.hpp"
#include "trunkline/protocol/link_key.hpp"

namespace trunkline::config {

namespace {

using std::chrono::hours;
using Directory = std::filesystem::path;

constexpr milliseconds kMinTime{1};
constexpr milliseconds kMaxTime = hours(1);
constexpr microseconds kMaxLinger = milliseconds(100);
constexpr milliseconds kMaxLife = hours(24 * 7);
constexpr std::uint64_t kMaxCount = 10'000'000;
constexpr std::uint64_t kKiB = 1 << 10;
constexpr std::uint64_t kGiB = 1 << 30;

constexpr const char* kAddressForm = "a numeric address and a port, such as 127.0.0.1:8080 or \"[::1]:8080\"";
constexpr const char* kEndpointForm = "tcp://host:port or unix:///path (absolute, at most 107 bytes)";
constexpr const char* kListenersForm = "a list with at least one {address: host:port}";
constexpr const char* kAppServersForm = "a list with at least one app server, each tcp://host:port or unix:///path";
constexpr const char* kPathForm = "a path pattern such as /chat, /chat/* or /rooms/{room}";

template <class Address>
void read_address(Node node, Address& out) {
    HostPort address;
    if (!node.read(address, kAddressForm, parse_address)) return;
    out.host = std::move(address.host);
    out.port = address.port;
}

std::vector<ListenerSettings> read_listeners(Node node) {
    std::vector<ListenerSettings> listeners;
    for (Node& item : node.at_least_one_item(kListenersForm)) {
        ListenerSettings& listener = listeners.emplace_back();
        if (!item.open_map("a map with an address")) continue;
        read_address(item.require("address", kAddressForm), listener);
        item.close_map({"tls", "proxy_protocol"});
    }
    return listeners;
}

AppServerSettings read_endpoint(Node& node) {
    AppServerSettings endpoint;
    const auto written = node.text(kEndpointForm);
    if (!written) return endpoint;
    if (auto parsed = parse_app_server(*written)) return *std::move(parsed);
    const bool planned = written->starts_with("tls://");
    node.report(node.found() + (planned ? ", a scheme that this version does not know yet" : ""), kEndpointForm);
    return endpoint;
}

/// An endpoint, or a map with one and what stands before it.
AppServerSettings read_app_server(Node& node) {
    if (!node.holds_map()) return read_endpoint(node);
    AppServerSettings endpoint;
    if (!node.open_map("a map with address and direct")) return endpoint;
    Node address = node.require("address", kEndpointForm);
    bool is_direct = true;
    node.take("direct").read(is_direct);
    endpoint = read_endpoint(address);
    if (endpoint != AppServerSettings{}) endpoint.direct = is_direct;
    node.close_map();
    return endpoint;
}

void read_when_lost(Node node, WhenLostSettings& when_lost) {
    if (!node.open_map("a map with hold and then")) return;
    node.take("hold").read(when_lost.hold, milliseconds(0), kMaxTime);
    node.take("then").read_one_of<ThenLost>(when_lost.then,
                                            {{"reassign", ThenLost::reassign}, {"close", ThenLost::close}});
    node.close_map();
}

std::vector<UpstreamSettings> read_upstreams(Node node) {
    std::vector<UpstreamSettings> upstreams;
    for (Node& item : node.named("a map of upstreams by name")) {
        UpstreamSettings& upstream = upstreams.emplace_back();
        upstream.name = item.name();
        if (!is_plain_name(upstream.name))
            item.report("the name " + quote(upstream.name), "a name of 1 to 64 letters, digits, _ and -");
        if (!item.open_map("a map with app_servers")) continue;
        for (Node& server : item.require("app_servers", kAppServersForm).at_least_one_item(kAppServersForm))
            upstream.app_servers.push_back(read_app_server(server));
        item.take("pool_size").read_number(upstream.pool_size, 1, 256);
        item.take("linger").read(upstream.linger, microseconds(0), kMaxLinger);
        item.take("balance").read_one_of<Balance>(
            upstream.balance,
            {{"round_robin", Balance::round_robin}, {"least_connections", Balance::least_connections}});
        read_when_lost(item.take("when_lost"), upstream.when_lost);
        item.close_map({"accept"});
    }
    return upstreams;
}

std::filesystem::path read_path(Node& node, const Directory& directory) {
    std::filesystem::path path;
    node.read(path, "a path", [&](const std::string& written) -> std::optional<std::filesystem::path> {
        if (written.empty() || written.find('\0') != written.npos) return std::nullopt;
        auto whole = (directory / written).lexically_normal();
        return whole.has_filename() ? whole : whole.parent_path();  // `www/` is `www`
    });
    return path;
}

/// The directories of static files, each looked through once however many routes serve it.
class StaticDirectories {
  public:
    StaticDirectories(const Directory& base, FileAccess access) : base_(base), access_(access) {}

    void read(Node node, RouteSettings& route) {
        route.files = read_path(node, base_);
        if (route.files.empty() || access_ == FileAccess::none) return;
        const std::string name = node.found() + " (" + route.files.string() + ")";
        std::error_code ec;
        if (!std::filesystem::is_directory(route.files, ec)) return node.report(name, "a directory that can be read");
        if (!seen_.insert(route.files).second) return;
        const StaticTree tree = find_static_files(route.files);
        for (const auto& fault : tree.faults) node.report(name + " " + fault.found, fault.expected);
        const bool did_fit = bytes_ <= kMaxStaticBytes;
        bytes_ += tree.bytes;
        if (!did_fit || bytes_ <= kMaxStaticBytes) return;  // said once
        const std::string in_all = bytes_ == tree.bytes ? "" : ", " + format_bytes(bytes_) + " with those before it";
        node.report(name + " with " + format_bytes(tree.bytes) + in_all,
                    "at most " + format_bytes(kMaxStaticBytes) + " in all directories of static files");
    }

  private:
    const Directory& base_;
    const FileAccess access_;
    std::set<std::filesystem::path> seen_;
    std::uint64_t bytes_ = 0;
};

std::vector<std::string> read_origins(Node node) {
    std::vector<std::string> origins;
    for (Node& item : node.items("a list of origins")) {
        std::string origin;
        if (item.read(origin, "an origin such as https://example.com (no path), or \"*\"", parse_origin))
            origins.push_back(std::move(origin));
    }
    return origins;
}

std::vector<std::string> read_subprotocols(Node node) {
    std::vector<std::string> subprotocols;
    for (Node& item : node.items("a list of sub-protocols")) {
        constexpr const char* kExpected = "a sub-protocol's name (an HTTP token)";
        const auto name = item.text(kExpected);
        if (!name) continue;
        if (!protocol::is_token(*name)) {
            item.report(item.found(), kExpected);
        } else if (std::find(subprotocols.begin(), subprotocols.end(), *name) != subprotocols.end()) {
            item.report(item.found() + " again", "each sub-protocol once");
        } else {
            subprotocols.push_back(*name);
        }
    }
    return subprotocols;
}

void read_pattern(Node node, RouteSettings& route) {
    const auto written = node.text(kPathForm);
    if (!written) return;
    if (const std::string error = route_pattern_error(*written); !error.empty()) {
        node.report(node.found() + " with " + error, kPathForm);
    } else {
        route.path = *written;
    }
}

/// The keys that speak of connections to an app, hence mean nothing on a route to files.
void read_connection_keys(Node& node, bool is_files, RouteSettings& route) {
    const auto take = [&](std::string_view key) {
        Node child = node.take(key);
        if (is_files && !child.is_absent()) child.report(std::string(key) + " beside files", "it beside upstream only");
        return child;
    };
    take("ask").read(route.ask);
    take("ask_timeout").read(route.ask_timeout, kMinTime, kMaxTime);
    route.allow_origins = read_origins(take("allow_origins"));
    route.subprotocols = read_subprotocols(take("subprotocols"));
    take("max_message").read_bytes(route.max_message_bytes, 1, kGiB);
    take("outbox_policy")
        .read_one_of<OutboxPolicy>(route.outbox_policy, {{"close", OutboxPolicy::close},
                                                         {"drop_newest", OutboxPolicy::drop_newest},
                                                         {"drop_oldest", OutboxPolicy::drop_oldest}});
    take("idle_timeout").read(route.idle_timeout, milliseconds(0), kMaxLife);
}

std::vector<RouteSettings> read_routes(Node node, const Directory& directory, FileAccess access) {
    std::vector<RouteSettings> routes;
    StaticDirectories static_directories(directory, access);
    for (Node& item : node.items("a list of routes")) {
        RouteSettings& route = routes.emplace_back();
        if (!item.open_map("a map with path and upstream or files")) continue;
        read_pattern(item.require("path", kPathForm), route);
        item.take("host").read(route.host, "a host name such as example.com or *.example.com", parse_host_pattern);
        Node upstream = item.take("upstream");
        Node files = item.take("files");
        if (upstream.is_absent() == files.is_absent())
            item.report(files.is_absent() ? "neither upstream nor files" : "both upstream and files",
                        "exactly one of upstream, files");
        upstream.read(route.upstream, "the name of an upstream",
                      [](const std::string& name) { return name.empty() ? std::nullopt : std::optional(name); });
        static_directories.read(files, route);
        read_connection_keys(item, upstream.is_absent() && !files.is_absent(), route);
        item.close_map({"stages"});
    }
    return routes;
}

/// No problem reported here says anything of the content: it may be a key, if not a good one.
void read_link_key(Node node, Settings& settings, const Directory& directory, FileAccess access) {
    settings.link_key_file = read_path(node, directory);
    if (settings.link_key_file.empty() || access == FileAccess::none) return;
    const std::string name = node.found() + " (" + settings.link_key_file.string() + ")";
    std::error_code ec;
    const auto content = read_regular_file(settings.link_key_file, protocol::kMaxLinkKeyFile, ec);
    if (!content) {
        node.report(name + ", which cannot be read (" + ec.message() + ")", protocol::kLinkKeyForm);
        return;
    }
    settings.link_key = protocol::trim_link_key(*content);
    if (protocol::has_link_key(*content)) return;
    const bool is_long = content->size() > protocol::kMaxLinkKeyFile;
    node.report(name + (is_long ? " with more" : " with " + std::to_string(settings.link_key.size()) + " bytes"),
                protocol::kLinkKeyForm);
}

void read_takeover_socket(Node node, Settings& settings, const Directory& directory) {
    constexpr std::size_t kMaxPathBytes = 107;  // what a sockaddr_un holds
    settings.takeover_socket = read_path(node, directory);
    if (settings.takeover_socket.native().size() > kMaxPathBytes)
        node.report(node.found() + " (" + settings.takeover_socket.string() + ")", "a path of at most 107 bytes");
}

void read_admin(Node node, AdminSettings& admin) {
    if (!node.open_map("a map with an address")) return;
    read_address(node.take("address"), admin);
    node.close_map();
}

void read_limits(Node node, LimitSettings& limits) {
    if (!node.open_map("a map of limits")) return;
    node.take("connections").read_number(limits.connections, 0, kMaxCount);
    node.take("outbox").read_bytes(limits.outbox_bytes, kKiB, kGiB);
    node.take("accept_rate").read_number(limits.accept_rate, 0, kMaxCount);
    node.take("accept_per_address").read_number(limits.accept_per_address, 0, kMaxCount);
    node.take("fragments").read_number(limits.fragments, 1, 65536);
    node.close_map();
}

void read_timeouts(Node node, TimeoutSettings& timeouts) {
    if (!node.open_map("a map of timeouts")) return;
    node.take("request_head").read(timeouts.request_head, kMinTime, kMaxTime);
    node.take("ping").read(timeouts.ping, kMinTime, kMaxTime);
    node.take("pong").read(timeouts.pong, kMinTime, kMaxTime);
    node.take("close").read(timeouts.close, kMinTime, kMaxTime);
    node.take("write_progress").read(timeouts.write_progress, kMinTime, kMaxTime);
    node.take("message").read(timeouts.message, kMinTime, kMaxTime);
    node.close_map();
}

void read_links(Node node, LinkSettings& links) {
    if (!node.open_map("a map of link settings")) return;
    node.take("connect").read(links.connect, kMinTime, kMaxTime);
    node.take("handshake").read(links.handshake, kMinTime, kMaxTime);
    node.take("keep_alive").read(links.keep_alive, kMinTime, kMaxTime);
    node.take("dead_after").read(links.dead_after, kMinTime, kMaxTime);
    node.take("ack_delay").read(links.ack_delay, kMinTime, kMaxTime);
    node.take("redial_min").read(links.redial_min, kMinTime, kMaxTime);
    node.take("redial_max").read(links.redial_max, kMinTime, kMaxTime);
    node.take("resolve_every").read(links.resolve_every, kMinTime, kMaxTime);
    node.take("resume_window").read(links.resume_window, kMinTime, kMaxTime);
    node.take("gone_after").read(links.gone_after, kMinTime, kMaxTime);
    node.take("window").read_bytes(links.window_bytes, 4 * kKiB, kGiB);
    node.take("ring").read_bytes(links.ring_bytes, 4 * kKiB, kGiB);
    node.take("max_frame").read_bytes(links.max_frame_bytes, 4 * kKiB, kGiB);
    node.close_map();
}

void read_log(Node node, LogSettings& log) {
    if (!node.open_map("a map with level and format")) return;
    node.take("level").read_one_of<LogLevel>(log.level, {{"trace", LogLevel::trace},
                                                         {"debug", LogLevel::debug},
                                                         {"info", LogLevel::info},
                                                         {"warn", LogLevel::warn},
                                                         {"error", LogLevel::error},
                                                         {"off", LogLevel::off}});
    node.take("format").read_one_of<LogFormat>(log.format, {{"text", LogFormat::text}, {"json", LogFormat::json}});
    node.close_map();
}

}  // namespace

Settings read_settings(const YamlValue& root, const Directory& directory, FileAccess access, Reading& reading) {
    Settings settings;
    Node node(&root, reading);
    if (!node.open_map("a map with listeners, upstreams and routes")) return settings;
    node.take("proxy_id").read(settings.proxy_id, "1 to 255 printable characters without spaces", parse_proxy_id);
    node.take("workers").read_number(settings.workers, 1, 256);
    settings.listeners = read_listeners(node.require("listeners", kListenersForm));
    settings.upstreams = read_upstreams(node.take("upstreams"));
    settings.routes = read_routes(node.require("routes", "a list of routes"), directory, access);
    read_link_key(node.take("link_key_file"), settings, directory, access);
    read_admin(node.take("admin"), settings.admin);
    read_limits(node.take("limits"), settings.limits);
    read_timeouts(node.take("timeouts"), settings.timeouts);
    read_links(node.take("links"), settings.links);
    read_takeover_socket(node.take("takeover_socket"), settings, directory);
    node.take("max_connection_age").read(settings.max_connection_age, milliseconds(0), kMaxLife);
    node.take("pre_stop_delay").read(settings.pre_stop_delay, milliseconds(0), kMaxTime);
    node.take("drain_timeout").read(settings.drain_timeout, milliseconds(0), kMaxTime);
    read_log(node.take("log"), settings.log);
    node.close_map();
    return settings;
}

}  // namespace trunkline::config
