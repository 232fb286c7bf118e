#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "config/loader.hpp"

using namespace trunkline::config;

namespace {

// What every row below needs in order to be wrong in one thing only: line 1 and 2.
const std::string kBase = "listeners: [{address: '127.0.0.1:8080'}]\nroutes: []\n";
const std::string kUpstream = kBase + "upstreams:\n  chat:\n    app_servers: ['unix:///run/a.sock']\n";  // lines 3 to 5

std::vector<std::string> problems_of(const std::string& text) {
    const LoadResult result = load_text(text, "t.yaml", {}, FileAccess::none);
    CHECK(result.settings.has_value() == result.problems.empty());
    std::vector<std::string> lines;
    for (const auto& problem : result.problems) lines.push_back(problem.to_string());
    return lines;
}

/// A route of kUpstream's configuration, from line 5; `more` are further lines of it.
std::string with_route(const std::string& more) {
    return "listeners: [{address: '127.0.0.1:8080'}]\nupstreams: {chat: {app_servers: ['unix:///a.sock']}}\n"
           "routes:\n  - path: /chat\n    upstream: chat\n" +
           more;
}

struct Row {
    const char* name;
    std::string text;
    std::string starts;    // of the one problem: place and key
    std::string contains;  // anywhere in it
};

void check(const Row& row) {
    CAPTURE(row.name, row.text);
    const auto lines = problems_of(row.text);
    CAPTURE(lines);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].starts_with(row.starts + ": found "));
    CHECK(lines[0].find(row.contains) != std::string::npos);
}

}  // namespace

TEST_CASE("wrong settings: the base of the tables is right", "[config][loader]") {
    CHECK(problems_of(kBase).empty());
    CHECK(problems_of(kUpstream).empty());
    CHECK(problems_of(with_route("")).empty());
}

TEST_CASE("wrong settings: what is no document", "[config][loader]") {
    check(GENERATE(values<Row>({
        {"syntax", "a: [1\nb: 2\n", "t.yaml:2:2", "bad YAML (end of sequence flow"},
        {"tab", "admin:\n\taddress: x\n", "t.yaml:2:9", "well-formed YAML, indented with spaces, not tabs"},
        {"tab before an item", "listeners:\n\t- a\n", "t.yaml:2:2", "indented with spaces"},
        {"tab elsewhere", "a:\t[1\nb: 2\n", "t.yaml:2:2", "bad YAML (end of sequence flow"},
        {"Latin 1", "# \xc3\xa9t\xc3\xa9\nproxy_id: \xe9t\xe9\n", "t.yaml:2:11", "found bytes that are not UTF-8"},
        {"UTF-16",
         std::string("\xff\xfe"
                     "a\0",
                     4),
         "t.yaml:1:1", "expected UTF-8 text"},
        {"stray continuation", "\x80", "t.yaml:1:1", "not UTF-8"},
        {"cut inside a character", "# \xc3\xa9\xe2\x82", "t.yaml:1:4", "not UTF-8"},
        {"NUL", std::string("a: x\0y", 6), "t.yaml:1:5", "found a control character"},
        {"escape", "proxy_id: \x1b[31m\n", "t.yaml:1:11", "found a control character"},
        {"unknown anchor", "admin: *nowhere\n", "t.yaml:1:8", "anchor is not defined"},
        {"cycle", "a: &x [*x]\n", "t.yaml:1:8", "an alias inside its own anchor"},
        {"two documents", "--- {}\n--- {}\n", "t.yaml:2:5", "a second document"},
        {"not a map", "- a\n", "t.yaml:1:1", "found a list, expected a map with listeners"},
        {"text", "hello\n", "t.yaml:1:1", "found \"hello\", expected a map"},
        {"list as a key", "? [a]\n: b\n", "t.yaml:1:3", "expected a name"},
        {"nothing as a key", "~: b\n", "t.yaml:1:1", "found nothing as a key"},
        {"tag", "workers: !!int 3\n", "t.yaml:1:10", "no tags"},
    })));
}

TEST_CASE("wrong settings: keys", "[config][loader]") {
    check(GENERATE(values<Row>({
        {"unknown", kBase + "zebra: 1\n", "t.yaml:3:1: zebra", "an unknown key, expected one of admin, "},
        {"close", kBase + "worker: 1\n", "t.yaml:3:1: worker", "did you mean workers?"},
        {"nested", kBase + "timeouts:\n  pings: 3s\n", "t.yaml:4:3: timeouts.pings", "did you mean ping?"},
        {"merge", kBase + "x: &x {}\n", "t.yaml:3:1: x", "an unknown key"},
        {"twice", kBase + "workers: 1\nadmin: {}\nworkers: 2\n", "t.yaml:5:1: workers",
         "the key a second time, expected it once (first on line 3)"},
        {"twice inside", kBase + "log: {level: info, level: info}\n", "t.yaml:3:20: log.level", "a second time"},
        {"upstream twice", kUpstream + "  chat: {app_servers: ['unix:///b']}\n", "t.yaml:6:3: upstreams.chat",
         "first on line 4"},
        {"when_lost", kUpstream + "    when_lost: {hold: 30s, than: close}\n",
         "t.yaml:6:28: upstreams.chat.when_lost.than", "did you mean then?"},
        {"when_lost then", kUpstream + "    when_lost: {then: drop}\n", "t.yaml:6:23: upstreams.chat.when_lost.then",
         "expected one of reassign, close"},
        {"accept", kUpstream + "    accept: {hub: chat}\n", "t.yaml:6:5: upstreams.chat.accept",
         "a key that this version does not know yet, expected one of app_servers, balance, linger, pool_size, "
         "when_lost"},
        {"stages", with_route("    stages: []\n"), "t.yaml:6:5: routes.0.stages", "not know yet"},
        {"no listeners", "routes: []\n", "t.yaml:1:1: listeners", "found nothing, expected a list with at least one"},
        {"empty listeners", "listeners: []\nroutes: []\n", "t.yaml:1:12: listeners", "found none"},
        {"map of listeners", "routes: []\nlisteners: {}\n", "t.yaml:2:12: listeners", "found a map"},
        {"null listeners", "routes: []\nlisteners:\n", "t.yaml:2:1: listeners", "found none"},
        {"no routes", "listeners: [{address: '127.0.0.1:1'}]\n", "t.yaml:1:1: routes", "found nothing"},
        {"no address", "routes: []\nlisteners:\n  - {}\n", "t.yaml:3:5: listeners.0.address", "found nothing"},
        {"no app_servers", kBase + "upstreams:\n  chat:\n    pool_size: 3\n", "t.yaml:5:5: upstreams.chat.app_servers",
         "found nothing, expected a list with at least one app server"},
        {"empty app_servers", kBase + "upstreams: {chat: {app_servers: []}}\n",
         "t.yaml:3:33: upstreams.chat.app_servers", "found none, expected a list with at least one app server"},
        {"null app_servers", kBase + "upstreams: {chat: {app_servers: }}\n", "t.yaml:3:20: upstreams.chat.app_servers",
         "found none"},
        {"map of app_servers", kBase + "upstreams: {chat: {app_servers: {}}}\n",
         "t.yaml:3:33: upstreams.chat.app_servers", "found a map, expected a list"},
        {"upstream name", kBase + "upstreams:\n  a.b:\n    app_servers: ['unix:///b']\n", "t.yaml:5:5: upstreams.a.b",
         "the name \"a.b\""},
        {"control character in a key", kBase + "\"a\\nb\": 1\n", "t.yaml:3:1: a?b", "an unknown key"},
    })));
}

TEST_CASE("wrong settings: types and ranges", "[config][loader]") {
    check(GENERATE(values<Row>({
        {"octal", kBase + "workers: 010\n", "t.yaml:3:10: workers",
         "found \"010\", expected a whole number from 1 to 256"},
        {"zero", kBase + "workers: 0\n", "t.yaml:3:10: workers", "found \"0\""},
        {"over", kBase + "workers: 257\n", "t.yaml:3:10: workers", "from 1 to 256"},
        {"over 64 bits", kBase + "workers: 18446744073709551617\n", "t.yaml:3:10: workers", "from 1 to 256"},
        {"negative", kBase + "workers: -1\n", "t.yaml:3:10: workers", "found \"-1\""},
        {"more lanes than keys", kUpstream + "    pool_size: 257\n", "t.yaml:6:16: upstreams.chat.pool_size",
         "from 1 to 256"},
        {"too long a linger", kUpstream + "    linger: 101ms\n", "t.yaml:6:13: upstreams.chat.linger",
         "a duration with its unit, such as 1ms or 200us, from 0us to 100ms"},
        {"a linger without a unit", kUpstream + "    linger: 1\n", "t.yaml:6:13: upstreams.chat.linger", "found \"1\""},
        {"microseconds elsewhere", kBase + "drain_timeout: 200us\n", "t.yaml:3:16: drain_timeout", "found \"200us\""},
        {"fraction", kBase + "workers: 1.5\n", "t.yaml:3:10: workers", "a whole number"},
        {"hex", kBase + "workers: 0x2\n", "t.yaml:3:10: workers", "a whole number"},
        {"quoted number", kBase + "workers: '2'\n", "t.yaml:3:10: workers", "a whole number"},
        {"number as list", kBase + "workers: [2]\n", "t.yaml:3:10: workers", "found a list, expected a whole number"},
        {"nothing", kBase + "workers:\n", "t.yaml:3:1: workers", "found nothing, expected a whole number"},
        {"boolean no", with_route("    ask: no\n"), "t.yaml:6:10: routes.0.ask",
         "found \"no\", expected true or false"},
        {"quoted boolean", with_route("    ask: 'true'\n"), "t.yaml:6:10: routes.0.ask", "expected true or false"},
        {"bare duration", kBase + "drain_timeout: 30\n", "t.yaml:3:16: drain_timeout",
         "found \"30\", expected a duration with its unit, such as 30s or 250ms, from 0ms to 1h"},
        {"long path", kBase + "takeover_socket: /" + std::string(107, 'x') + "\n", "t.yaml:3:18: takeover_socket",
         "a path of at most 107 bytes"},
        {"great age", kBase + "max_connection_age: 169h\n", "t.yaml:3:21: max_connection_age", "from 0ms to 168h"},
        {"long delay", kBase + "pre_stop_delay: 2h\n", "t.yaml:3:17: pre_stop_delay", "from 0ms to 1h"},
        {"bare zero", with_route("    idle_timeout: 0\n"), "t.yaml:6:19: routes.0.idle_timeout", "with its unit"},
        {"long duration", kBase + "timeouts: {ping: 61m}\n", "t.yaml:3:18: timeouts.ping", "from 1ms to 1h"},
        {"no duration", kBase + "timeouts: {ping: 0ms}\n", "t.yaml:3:18: timeouts.ping", "from 1ms to 1h"},
        {"size unit", kBase + "limits: {outbox: 1MB}\n", "t.yaml:3:18: limits.outbox", "such as 64KiB"},
        {"small size", kBase + "limits: {outbox: 1023}\n", "t.yaml:3:18: limits.outbox", "from 1KiB to 1GiB"},
        {"great size", with_route("    max_message: 2GiB\n"), "t.yaml:6:18: routes.0.max_message", "from 1B to 1GiB"},
        {"enumeration", kBase + "log: {level: loud}\n", "t.yaml:3:14: log.level",
         "found \"loud\", expected one of trace, debug, info, warn, error, off"},
        {"policy", with_route("    outbox_policy: drop\n"), "t.yaml:6:20: routes.0.outbox_policy",
         "expected one of close, drop_newest, drop_oldest"},
        {"map as list", kBase + "log: [a]\n", "t.yaml:3:6: log", "found a list, expected a map"},
        {"list as map", "listeners: {a: b}\nroutes: []\n", "t.yaml:1:12: listeners", "found a map, expected a list"},
        {"text as list", with_route("    subprotocols: a\n"), "t.yaml:6:19: routes.0.subprotocols", "found \"a\""},
        {"proxy id", kBase + "proxy_id: a b\n", "t.yaml:3:11: proxy_id", "without spaces"},
        {"alias", kBase + "log: {level: &x json, format: *x}\n", "t.yaml:3:14: log.level", "found \"json\""},
        {"bad alias", kBase + "log: {level: &x info, format: *x}\n", "t.yaml:3:31: log.format", "found \"info\""},
        {"long text", kBase + "workers: " + std::string(5000, 'x') + "\n", "t.yaml:3:10: workers",
         "found \"" + std::string(60, 'x') + "...\""},
    })));
}

TEST_CASE("wrong settings: addresses", "[config][loader]") {
    check(GENERATE(values<Row>({
        {"name", "routes: []\nlisteners: [{address: 'example.com:80'}]\n", "t.yaml:2:23: listeners.0.address",
         "a numeric address and a port"},
        {"no port", "routes: []\nlisteners: [{address: 127.0.0.1}]\n", "t.yaml:2:23: listeners.0.address", "a port"},
        {"great port", "routes: []\nlisteners: [{address: '127.0.0.1:65536'}]\n", "t.yaml:2:23: listeners.0.address",
         "a port"},
        {"admin", kBase + "admin: {address: ':9090'}\n", "t.yaml:3:18: admin.address", "found \":9090\""},
        {"no scheme", kBase + "upstreams: {a: {app_servers: [127.0.0.1:7000]}}\n",
         "t.yaml:3:31: upstreams.a.app_servers.0", "expected tcp://host:port or unix:///path"},
        {"tls", kBase + "upstreams: {a: {app_servers: ['tls://a:1']}}\n", "t.yaml:3:31: upstreams.a.app_servers.0",
         "found \"tls://a:1\", a scheme that this version does not know yet"},
        {"map", kBase + "upstreams: {a: {app_servers: [{address: x}]}}\n",
         "t.yaml:3:41: upstreams.a.app_servers.0.address", "expected tcp://"},
        {"map without", kBase + "upstreams: {a: {app_servers: [{direct: false}]}}\n",
         "t.yaml:3:31: upstreams.a.app_servers.0.address", "found nothing, expected tcp://"},
        {"no port", kBase + "upstreams: {a: {app_servers: ['tcp://127.0.0.1']}}\n",
         "t.yaml:3:31: upstreams.a.app_servers.0", "tcp://host:port"},
        {"port 0", kBase + "upstreams: {a: {app_servers: ['tcp://127.0.0.1:0']}}\n",
         "t.yaml:3:31: upstreams.a.app_servers.0", "tcp://host:port"},
        {"relative", kBase + "upstreams: {a: {app_servers: ['unix://a.sock']}}\n",
         "t.yaml:3:31: upstreams.a.app_servers.0", "absolute"},
        {"108 bytes", kBase + "upstreams: {a: {app_servers: ['unix:///" + std::string(107, 'x') + "']}}\n",
         "t.yaml:3:31: upstreams.a.app_servers.0", "at most 107 bytes"},
    })));
}

TEST_CASE("wrong settings: routes", "[config][loader]") {
    check(GENERATE(values<Row>({
        {"no path", kBase.substr(0, 41) + "upstreams: {c: {app_servers: ['unix:///c']}}\nroutes:\n  - upstream: c\n",
         "t.yaml:4:5: routes.0.path", "found nothing, expected a path pattern"},
        {"no slash", with_route("  - {path: b, upstream: chat}\n"), "t.yaml:6:12: routes.1.path",
         "found \"b\" with no / at its start"},
        {"star inside", with_route("  - {path: '/*/b', upstream: chat}\n"), "t.yaml:6:12: routes.1.path",
         "with a * before the end"},
        {"neither", with_route("  - {path: /b}\n"), "t.yaml:6:5: routes.1", "neither upstream nor files"},
        {"both", with_route("    files: ./www\n"), "t.yaml:4:5: routes.0", "both upstream and files"},
        {"ask beside files", with_route("  - {path: /b, files: w, ask: true}\n"), "t.yaml:6:31: routes.1.ask",
         "ask beside files"},
        {"host with port", with_route("    host: a.example:80\n"), "t.yaml:6:11: routes.0.host", "a host name"},
        {"host star", with_route("    host: 'a.*.example'\n"), "t.yaml:6:11: routes.0.host", "a host name"},
        {"origin with path", with_route("    allow_origins: ['https://a/']\n"), "t.yaml:6:21: routes.0.allow_origins.0",
         "(no path)"},
        {"origin null", with_route("    allow_origins: ['null']\n"), "t.yaml:6:21: routes.0.allow_origins.0",
         "an origin"},
        {"sub-protocol", with_route("    subprotocols: ['a b']\n"), "t.yaml:6:20: routes.0.subprotocols.0",
         "an HTTP token"},
        {"sub-protocol twice", with_route("    subprotocols: [a, b, a]\n"), "t.yaml:6:26: routes.0.subprotocols.2",
         "found \"a\" again"},
    })));
}

TEST_CASE("wrong settings: two that contradict each other", "[config][loader]") {
    check(GENERATE(values<Row>({
        {"unknown upstream", with_route("  - {path: /b, upstream: chet}\n"), "t.yaml:6:26: routes.1.upstream",
         "found \"chet\", expected one of chat; did you mean chat?"},
        {"no upstreams", "listeners: [{address: '127.0.0.1:1'}]\nroutes: [{path: /a, upstream: b}]\n",
         "t.yaml:2:31: routes.0.upstream", "none is configured"},
        {"same route", with_route("  - {path: /chat, upstream: chat}\n"), "t.yaml:6:12: routes.1.path",
         "differs from those of routes.0"},
        {"same shape", with_route("  - {path: '/{a}/x', upstream: chat}\n  - {path: '/{b}/x', upstream: chat}\n"),
         "t.yaml:7:12: routes.2.path", "differs from those of routes.1"},
        {"same host", with_route("    host: A.example\n  - {path: /chat, host: a.example, upstream: chat}\n"),
         "t.yaml:7:12: routes.1.path", "again"},
        {"one address, two upstreams", kUpstream + "  b: {app_servers: ['unix:///run/a.sock']}\n",
         "t.yaml:6:21: upstreams.b.app_servers.0", "also upstreams.chat.app_servers.0"},
        {"one address, two names",
         kBase + "upstreams: {a: {app_servers: ['tcp://localhost:1', 'tcp://127.0.0.1:1']}}\n",
         "t.yaml:3:52: upstreams.a.app_servers.1", "again"},
        {"no link key", kBase + "upstreams: {a: {app_servers: ['tcp://10.0.0.1:1']}}\n",
         "t.yaml:3:31: upstreams.a.app_servers.0", "no link_key_file"},
        {"a name like loopback", kBase + "upstreams: {a: {app_servers: ['tcp://127.a.example:1']}}\n",
         "t.yaml:3:31: upstreams.a.app_servers.0", "no link_key_file"},
        {"listener twice", "routes: []\nlisteners: [{address: '127.0.0.1:1'}, {address: 'localhost:1'}]\n",
         "t.yaml:2:49: listeners.1.address", "other than listeners.0.address"},
        {"admin", kBase + "admin: {address: '127.0.0.1:8080'}\n", "t.yaml:3:18: admin.address", "other than listeners"},
        {"admin within any", "routes: []\nlisteners: [{address: '0.0.0.0:9090'}]\n", "t.yaml:1:1: admin.address",
         "found \"127.0.0.1:9090\", expected an address other than listeners.0.address (0.0.0.0:9090)"},
        {"admin is any", kBase + "admin: {address: '0.0.0.0:8080'}\n", "t.yaml:3:18: admin.address",
         "(127.0.0.1:8080)"},
        {"admin is any of both families", kBase + "admin: {address: '[::]:8080'}\n", "t.yaml:3:18: admin.address",
         "(127.0.0.1:8080)"},
        {"keep_alive", kBase + "links: {keep_alive: 15s}\n", "t.yaml:3:21: links.keep_alive",
         "less than links.dead_after (15s)"},
        {"dead_after", kBase + "links: {dead_after: 5s}\n", "t.yaml:3:8: links.keep_alive",
         "less than links.dead_after (5s)"},
        {"redial", kBase + "links: {redial_min: 2s}\n", "t.yaml:3:21: links.redial_min",
         "at most links.redial_max (1s)"},
    })));
}

TEST_CASE("wrong settings: addresses that do not overlap are right", "[config][loader]") {
    const auto [listener, admin] = GENERATE(table<std::string, std::string>({{"0.0.0.0:80", "127.0.0.1:81"},
                                                                             {"[::]:80", "127.0.0.1:80"},
                                                                             {"127.0.0.1:80", "127.0.0.2:80"},
                                                                             {"[::1]:80", "0.0.0.0:80"},
                                                                             {"0.0.0.0:0", "127.0.0.1:0"}}));
    CHECK(problems_of("routes: []\nlisteners: [{address: '" + listener + "'}]\nadmin: {address: '" + admin + "'}\n")
              .empty());
}

TEST_CASE("wrong settings: the same path on two hosts is right", "[config][loader]") {
    CHECK(problems_of(with_route("  - {path: /chat, host: a.example, upstream: chat}\n"
                                 "  - {path: /chat, host: '*.example', upstream: chat}\n"
                                 "  - {path: '/chat/*', upstream: chat}\n"))
              .empty());
}

TEST_CASE("wrong settings: all of them are listed, in the order of the file", "[config][loader]") {
    const auto lines = problems_of(
        "workers: many\n"
        "listeners: [{address: nowhere}]\n"
        "log: {level: 3, colour: red}\n"
        "routes:\n"
        "  - path: chat\n"
        "    upstream: chat\n"
        "    ask: perhaps\n"
        "timeouts: {ping: 5}\n");
    CAPTURE(lines);
    const std::vector<std::string> expected = {"t.yaml:1:10: workers",       "t.yaml:2:23: listeners.0.address",
                                               "t.yaml:3:14: log.level",     "t.yaml:3:17: log.colour",
                                               "t.yaml:5:11: routes.0.path", "t.yaml:6:15: routes.0.upstream",
                                               "t.yaml:7:10: routes.0.ask",  "t.yaml:8:18: timeouts.ping"};
    REQUIRE(lines.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(lines[i].starts_with(expected[i] + ": found "));
}
