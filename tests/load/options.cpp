#include "tests/load/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <thread>

#include "net/resolve.hpp"

namespace trunkline::load {
namespace {

constexpr int kUsage = 2;

struct Named {
    ProfileKind kind;
    const char* name;
    const char* what;
};
constexpr std::array<Named, 9> kProfiles{{
    {ProfileKind::echo, "echo", "each client sends, the server answers; closed loop, or open with --rate"},
    {ProfileKind::shared_echo, "shared-echo", "the same, but the answer goes by connection id through one object"},
    {ProfileKind::broadcast, "broadcast", "the server sends to all at every --interval"},
    {ProfileKind::chat, "chat", "--rooms; of ten clients one posts every 11 intervals, two every 59, the others read"},
    {ProfileKind::fanout, "fanout", "the most frames that can be delivered: --window posts under way, each to all"},
    {ProfileKind::client_to_client, "client-to-client",
     "each client sends to the next one, on another proxy if there are several"},
    {ProfileKind::slow_reader, "slow-reader", "broadcast, while --slow clients do not read"},
    {ProfileKind::connect, "connect", "how fast clients connect, and come back all at once"},
    {ProfileKind::idle, "idle", "hold the connections; memory for each"},
}};

/// For CLI11: a duration, or what is wrong with it.
auto duration_into(std::chrono::nanoseconds& out) {
    return [&out](const std::vector<std::string>& values) {
        const auto value = parse_duration(values.back());
        if (!value || *value > 1e17)
            throw CLI::ValidationError("'" + values.back() + "': expected a duration such as 500ms, 10s or 5m");
        out = std::chrono::nanoseconds(static_cast<std::int64_t>(*value));
        return true;
    };
}

/// `10s command`.
Event parse_event(const std::string& text) {
    const auto space = text.find(' ');
    const auto at = parse_duration(text.substr(0, space));
    if (space == text.npos || !at || text.find_first_not_of(' ', space) == text.npos) {
        throw CLI::ValidationError("--at '" + text + "': expected a duration, a space and a command");
    }
    return {std::chrono::nanoseconds(static_cast<std::int64_t>(*at)), text.substr(space + 1)};
}

Url url_or_throw(const std::string& text) {
    const auto url = Url::parse(text);
    if (!url)
        throw CLI::ValidationError("'" + text + "': expected ws://address:port/path, the address numeric or localhost");
    return *url;
}

}  // namespace

const char* to_string(ProfileKind profile) noexcept {
    for (const auto& named : kProfiles) {
        if (named.kind == profile) return named.name;
    }
    return "?";
}

bool needs_app(ProfileKind profile) noexcept {
    return profile != ProfileKind::echo && profile != ProfileKind::connect && profile != ProfileKind::idle;
}

std::optional<Url> Url::parse(const std::string& text) {
    std::string rest = text;
    for (const char* scheme : {"ws://", "http://"}) {
        if (rest.starts_with(scheme)) rest.erase(0, std::strlen(scheme));
    }
    if (rest == text) return std::nullopt;
    Url url;
    const auto slash = rest.find_first_of("/?");
    if (slash != rest.npos) {
        url.path = (rest[slash] == '?' ? "/" : "") + rest.substr(slash);
        rest.resize(slash);
    }
    if (rest.find(':') == rest.npos) rest += ":80";
    const auto endpoint = net::Endpoint::parse("tcp://" + rest);
    if (!endpoint || endpoint.value().port == 0) return std::nullopt;
    const auto numeric = net::resolve_without_lookup(endpoint.value());
    if (!numeric || url.path.find_first_of(" \r\n") != url.path.npos) return std::nullopt;
    url.host = endpoint.value().host;
    url.port = endpoint.value().port;
    return url;
}

Parsed parse_command_line(int argc, const char* const* argv) {
    Options options;
    CLI::App app(
        "Loads a WebSocket server and says what came of it: rates, latencies, and whether anything was lost.\n"
        "Exit codes: 0 all well, 1 something lost or not as expected, 2 usage, 3 could not run.");
    std::string profiles;
    for (const auto& named : kProfiles) {
        profiles += "\n    " + std::string(named.name) + std::string(18 - std::strlen(named.name), ' ') + named.what;
    }
    app.footer("Profiles; all but echo, connect and idle need trunkline-load-app as the app server:" + profiles);
    std::string profile, client = "raw";
    std::vector<std::string> urls, events, expectations;
    std::string metrics;
    bool version = false;
    app.add_option("PROFILE", profile, "what the clients do, see below");
    app.add_option("URL", urls, "ws://address:port/path; clients take several in turn");
    app.add_option("-c,--clients", options.clients, "how many")->check(CLI::Range(1, 1'000'000))->capture_default_str();
    app.add_option("-d,--duration", duration_into(options.duration), "how long it is measured [10s]");
    app.add_option("--warm-up", duration_into(options.warm_up), "messages before that, not measured [1s]");
    app.add_option("--ramp", duration_into(options.ramp), "over which clients connect, evenly [as fast as it goes]");
    app.add_option("--settle", duration_into(options.settle), "how long the last messages may take [5s]");
    app.add_option("--connect-timeout", duration_into(options.connect_timeout), "of one client [30s]");
    app.add_option("-r,--rate", options.rate, "messages per second of all together, evenly: an open loop")
        ->check(CLI::Range(0.0, 1e8));
    app.add_option("-i,--interval", duration_into(options.interval), "broadcast, chat, client-to-client [1s]");
    app.add_option("-s,--size", options.size, "of a message, bytes")
        ->check(CLI::Range(64, 1 << 20))
        ->capture_default_str();
    app.add_option("--rooms", options.rooms, "chat, fanout")->check(CLI::Range(1, 1'000'000))->capture_default_str();
    app.add_option("--window", options.window, "fanout: posts under way")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    app.add_option("--slow", options.slow, "slow-reader: how many")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    app.add_option("--concurrency", options.concurrency, "handshakes under way at a time")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    options.workers = std::max(1u, std::thread::hardware_concurrency());
    app.add_option("--workers", options.workers, "threads [one per core]")->check(CLI::Range(1, 256));
    app.add_option("--shards", options.shards, "processes, for more clients than one has file descriptors")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app.add_option("--client", client, "what clients speak")->check(CLI::IsMember({"raw"}))->capture_default_str();
    app.add_option("--pid", options.pids, "processes of the server side, to see their CPU and memory")
        ->delimiter(',')
        ->check(CLI::Range(1, 1 << 22))
        ->allow_extra_args(false);
    app.add_option("--metrics", metrics, "the same from a Prometheus page, http://address:port/metrics");
    app.add_option("--at", events, "'10s command': runs it so long after the messages began; may be repeated")
        ->allow_extra_args(false);
    app.add_option("--expect", expectations, "'p99<50ms,missing=0': exit code 1 if not; may be repeated")
        ->allow_extra_args(false);
    app.add_option("--json", options.json, "writes the figures there");
    app.add_option("--csv", options.csv, "writes each second's figures there");
    app.add_option("--html", options.html, "writes a page with charts there");
    app.add_flag("-q,--quiet", options.is_quiet, "no progress");
    app.add_flag("--version", version, "prints the version");

    try {
        app.parse(argc, argv);
        if (version) return {std::nullopt, std::string("trunkline-load ") + TRUNKLINE_VERSION + "\n", 0};
        const auto named =
            std::find_if(kProfiles.begin(), kProfiles.end(), [&](const Named& n) { return n.name == profile; });
        if (named == kProfiles.end()) {
            throw CLI::ValidationError(profile.empty() ? "a profile is missing" : "'" + profile + "' is no profile");
        }
        options.profile = named->kind;
        if (urls.empty()) throw CLI::ValidationError("an address is missing, such as ws://127.0.0.1:8080/echo");
        for (const auto& url : urls) options.urls.push_back(url_or_throw(url));
        if (!metrics.empty()) options.metrics = url_or_throw(metrics);
        for (const auto& event : events) options.events.push_back(parse_event(event));
        std::stable_sort(options.events.begin(), options.events.end(),
                         [](const Event& a, const Event& b) { return a.at < b.at; });
        for (const auto& text : expectations) {
            if (const auto wrong = parse_expectations(text, options.expectations))
                throw CLI::ValidationError("--expect " + *wrong);
        }
        if (options.duration.count() == 0) throw CLI::ValidationError("--duration must not be 0");
        if (options.interval.count() < 100'000) throw CLI::ValidationError("--interval must be at least 100us");
        if (options.shards > options.clients) throw CLI::ValidationError("--shards must not be more than --clients");
        if (options.profile == ProfileKind::slow_reader && options.slow >= options.clients) {
            throw CLI::ValidationError("--slow must be less than --clients: somebody has to read");
        }
        options.run = std::random_device{}();
        return {options, {}, 0};
    } catch (const CLI::CallForHelp&) {
        return {std::nullopt, app.help(), 0};
    } catch (const CLI::Error& error) {
        return {std::nullopt, std::string("trunkline-load: ") + error.what() + "\nMore with --help.\n", kUsage};
    }
}

}  // namespace trunkline::load
