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
constexpr double kMaxRate = 1e8;

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

/// An option that only some profiles look at.
struct Use {
    CLI::Option* option;
    std::vector<ProfileKind> profiles;

    bool is_for(ProfileKind profile) const {
        return std::find(profiles.begin(), profiles.end(), profile) != profiles.end();
    }
};

std::string names_of(const Use& use) {
    std::string names;
    for (const auto profile : use.profiles) names += (names.empty() ? "" : ", ") + std::string(to_string(profile));
    return names;
}

/// Puts what has no group yet into this one, and leaves out what CLI11 says of types.
void group(CLI::App& app, const std::string& name) {
    for (CLI::Option* option : app.get_options()) {
        if (option->get_positional() || option->get_group() != "Options") continue;
        option->group(name);
        if (option->get_option_text().empty()) option->option_text(" ");
    }
}

/// What only two options together can have wrong.
void check_together(const Options& options) {
    if (!(options.rate >= 0 && options.rate <= kMaxRate)) throw CLI::ValidationError("--rate must be 0 to 100 million");
    if (options.duration.count() == 0) throw CLI::ValidationError("--duration must not be 0");
    if (options.interval.count() < 100'000) throw CLI::ValidationError("--interval must be at least 100us");
    if (options.shards > options.clients) throw CLI::ValidationError("--shards must not be more than --clients");
    if (options.profile == ProfileKind::slow_reader && options.slow >= options.clients) {
        throw CLI::ValidationError("--slow must be less than --clients: somebody has to read");
    }
    const auto end =
        options.duration + (options.profile == ProfileKind::connect ? options.duration.zero() : options.warm_up);
    if (!options.events.empty() && options.events.back().at >= end) {
        throw CLI::ValidationError("--at '" + options.events.back().command +
                                   "': it is over by then; a longer --duration, or an earlier time");
    }
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
    options.workers = std::max(1u, std::thread::hardware_concurrency());
    CLI::App app(
        "Loads a WebSocket server and says what came of it: rates, latencies, and whether anything was lost.\n"
        "Exit codes: 0 all well, 1 something lost or not as expected, 2 usage, 3 could not run.",
        "trunkline-load");
    std::string profiles;
    for (const auto& named : kProfiles) {
        profiles += "\n  " + std::string(named.name) + std::string(20 - std::strlen(named.name), ' ') + named.what;
    }
    app.footer("Profiles; all but echo, connect and idle need trunkline-load-app as the app server:" + profiles);
    app.get_formatter()->column_width(26);

    std::string profile, client = "raw", metrics;
    std::vector<std::string> urls, events, expectations;
    bool version = false;
    app.add_option("PROFILE", profile, "What the clients do, see below")->option_text(" ");
    app.add_option("URL", urls, "ws://address:port/path; clients take several in turn")->option_text("...");

    app.add_option("-c,--clients", options.clients, "How many [100]")
        ->option_text("N")
        ->check(CLI::Range(1, 1'000'000));
    app.add_option("--ramp", duration_into(options.ramp), "Time over which they connect, evenly [as fast as it goes]")
        ->option_text("TIME");
    app.add_option("--concurrency", options.concurrency, "Handshakes under way at a time [128]")
        ->option_text("N")
        ->check(CLI::Range(1, 100'000));
    app.add_option("--connect-timeout", duration_into(options.connect_timeout), "Of one client [30s]")
        ->option_text("TIME");
    app.add_option("--client", client, "What they speak: raw, which is plain WebSocket")
        ->option_text("KIND")
        ->check(CLI::IsMember({"raw"}));
    app.add_option("--workers", options.workers, "Threads [one per core]")->option_text("N")->check(CLI::Range(1, 256));
    app.add_option("--shards", options.shards, "Processes, for more clients than one has file descriptors [1]")
        ->option_text("N")
        ->check(CLI::Range(1u, Options::kMaxShards));
    group(app, "Clients");

    app.add_option("-d,--duration", duration_into(options.duration), "How long it is measured [10s]")
        ->option_text("TIME");
    app.add_option("--warm-up", duration_into(options.warm_up), "Messages before that, not measured [1s]")
        ->option_text("TIME");
    app.add_option("--settle", duration_into(options.settle), "How long the last of them may take [5s]")
        ->option_text("TIME");
    app.add_option("-s,--size", options.size, "Bytes of each [64]")->option_text("N")->check(CLI::Range(64, 1 << 20));
    const std::array uses{
        Use{app.add_option("-r,--rate", options.rate, "A second, of all clients together: an open loop")
                ->option_text("N"),
            {ProfileKind::echo, ProfileKind::shared_echo, ProfileKind::fanout, ProfileKind::client_to_client}},
        Use{app.add_option("-i,--interval", duration_into(options.interval), "Time between them [1s]")
                ->option_text("TIME"),
            {ProfileKind::broadcast, ProfileKind::slow_reader, ProfileKind::chat, ProfileKind::client_to_client}},
        Use{app.add_option("--rooms", options.rooms, "Among which clients are spread evenly [1]")
                ->option_text("N")
                ->check(CLI::Range(1, 1'000'000)),
            {ProfileKind::chat, ProfileKind::fanout}},
        Use{app.add_option("--window", options.window, "Posts under way in each room [16]")
                ->option_text("N")
                ->check(CLI::Range(1, 100'000)),
            {ProfileKind::fanout}},
        Use{app.add_option("--slow", options.slow, "Clients that do not read [1]")
                ->option_text("N")
                ->check(CLI::Range(1, 1'000'000)),
            {ProfileKind::slow_reader}},
    };
    for (const auto& use : uses) use.option->description(use.option->get_description() + " (" + names_of(use) + ")");
    group(app, "Messages");

    app.add_option("--pid", options.pids, "Of a process whose CPU and memory are watched; several with commas")
        ->option_text("PID")
        ->delimiter(',')
        ->check(CLI::Range(1, 1 << 22))
        ->allow_extra_args(false);
    app.add_option("--metrics", metrics, "The same from a Prometheus page, http://address:port/metrics")
        ->option_text("URL");
    app.add_option("--at", events,
                   "Runs it so long after the messages began, as in '10s kill -9 4711'; may be repeated")
        ->option_text("'TIME COMMAND'")
        ->allow_extra_args(false);
    group(app, "Server side");

    app.add_option("--expect", expectations,
                   "Exit code 1 if that is not so, as in 'p99<50ms,missing=0'; may be repeated")
        ->option_text("LIST")
        ->allow_extra_args(false);
    app.add_option("--json", options.json, "File for the figures")->option_text("FILE");
    app.add_option("--csv", options.csv, "File for the figures of each second")->option_text("FILE");
    app.add_option("--html", options.html, "File for a page with charts")->option_text("FILE");
    app.add_flag("-q,--quiet", options.is_quiet, "No line of progress each second");
    group(app, "Report");
    app.set_help_flag("-h,--help", "Says this");
    app.add_flag("--version", version, "Says the version");
    group(app, "Others");

    try {
        app.parse(argc, argv);
        if (version) return {std::nullopt, std::string("trunkline-load ") + TRUNKLINE_VERSION + "\n", 0};
        const auto named =
            std::find_if(kProfiles.begin(), kProfiles.end(), [&](const Named& n) { return n.name == profile; });
        if (named == kProfiles.end()) {
            std::string names;
            for (const auto& known : kProfiles) names += (names.empty() ? "" : ", ") + std::string(known.name);
            throw CLI::ValidationError((profile.empty() ? "a profile is missing" : "'" + profile + "' is no profile") +
                                       std::string("; expected one of ") + names);
        }
        options.profile = named->kind;
        if (urls.empty()) throw CLI::ValidationError("an address is missing, such as ws://127.0.0.1:8080/echo");
        for (const auto& url : urls) options.urls.push_back(url_or_throw(url));
        if (!metrics.empty()) options.metrics = url_or_throw(metrics);
        for (const auto& event : events) options.events.push_back(parse_event(event));
        std::stable_sort(options.events.begin(), options.events.end(),
                         [](const Event& a, const Event& b) { return a.at < b.at; });
        for (const auto& text : expectations) {
            if (const auto wrong = parse_expectations(text, options.expectations)) {
                throw CLI::ValidationError("--expect " + *wrong);
            }
        }
        for (const auto& use : uses) {
            if (use.option->count() != 0 && !use.is_for(options.profile)) {
                throw CLI::ValidationError(use.option->get_name() + " is for " + names_of(use) + ", not for " +
                                           profile);
            }
        }
        check_together(options);
        options.run = std::random_device{}();
        return {options, {}, 0};
    } catch (const CLI::CallForHelp&) {
        return {std::nullopt, app.help(), 0};
    } catch (const CLI::Error& error) {
        return {std::nullopt, std::string("trunkline-load: ") + error.what() + "\nMore with --help.\n", kUsage};
    }
}

}  // namespace trunkline::load
