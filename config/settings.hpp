#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace trunkline::config {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// The configuration as the program uses it: plain values with their defaults, validated whole before anybody sees
/// them, never changed afterwards. `schema.md` says the same for people. Sizes are bytes; a duration of zero means
/// "off" only where the comment says so.

/// One entry of `app_servers`, where the proxy dials: `tcp://host:port` or `unix:///absolute/path`.
struct AppServerSettings {
    enum class Kind { tcp, unix_socket };
    Kind kind = Kind::tcp;
    std::string host;        ///< tcp: a name or an address, IPv6 without brackets
    std::uint16_t port = 0;  ///< tcp
    std::string path;        ///< unix_socket: absolute, at most 107 bytes
    bool direct = true;      ///< nothing in between answers, or refuses, in its place

    std::string to_string() const;
    /// Whether nothing but this machine can be reached by it: a Unix socket, 127.0.0.0/8, ::1 or `localhost`.
    bool is_local() const;
    bool operator==(const AppServerSettings&) const = default;
};

struct ListenerSettings {
    std::string host = "0.0.0.0";  ///< a numeric address
    std::uint16_t port = 0;        ///< 0 = any free port (tests)
};

enum class Balance { round_robin, least_connections };

/// What becomes of the clients of an app server that was lost.
enum class ThenLost { reassign, close };

struct WhenLostSettings {
    milliseconds hold{30'000};           ///< a client waits so long for the app server to be back
    ThenLost then = ThenLost::reassign;  ///< then it is given to another one, or closed with 1012
};

struct UpstreamSettings {
    std::string name;
    std::vector<AppServerSettings> app_servers;  ///< never empty once loaded
    unsigned pool_size = 5;  ///< lanes to each app server, over all workers; at least one per worker is used
    microseconds linger{0};  ///< a client's message waits so long for more to share a write with
    Balance balance = Balance::round_robin;
    WhenLostSettings when_lost;
};

/// What happens to a client for which more waits than `limits.outbox`: it is closed with 1013, or fan-outs for it are
/// dropped, those that come or those that have waited longest.
enum class OutboxPolicy { close, drop_newest, drop_oldest };

struct RouteSettings {
    std::string path;  ///< `/a` exact, `/a/*` prefix, `/a/{x}` one segment
    std::string host;  ///< empty = any, `a.b` exact, `*.b` suffix; lower case

    // Exactly one of these two.
    std::string upstream;         ///< name of an upstream
    std::filesystem::path files;  ///< directory of static files, absolute (the loader resolves it against the file)

    bool ask = false;                          ///< the upgrade answer waits for the app
    milliseconds ask_timeout{10'000};          ///< then 503
    std::vector<std::string> allow_origins;    ///< empty = the same host only; `*` = any
    std::vector<std::string> subprotocols;     ///< in order of our preference
    std::size_t max_message_bytes = 64 << 10;  ///< a client's message, after its fragments were joined
    OutboxPolicy outbox_policy = OutboxPolicy::close;
    milliseconds idle_timeout{0};  ///< no message in either direction; 0 = off
};

struct AdminSettings {
    std::string host = "127.0.0.1";
    std::uint16_t port = 9090;  ///< 0 = any free port (tests)
};

struct LimitSettings {
    std::size_t connections = 0;         ///< open clients in all; 0 = open-files limit - 200 - 2 per link
    std::size_t outbox_bytes = 1 << 20;  ///< per client; beyond it the policy of its route
    std::size_t accept_rate = 0;         ///< new connections per second and worker; 0 = no limit
    std::size_t accept_per_address = 0;  ///< open connections per client address; 0 = no limit
    std::size_t fragments = 1024;        ///< frames per message
};

struct TimeoutSettings {
    milliseconds request_head{10'000};    ///< from accept to the end of the request head, and between two requests
    milliseconds ping{25'000};            ///< silence after which a client is pinged
    milliseconds pong{20'000};            ///< a pinged client that stays silent so long is closed
    milliseconds close{5'000};            ///< for the client's answer to our close frame
    milliseconds write_progress{30'000};  ///< a client that takes nothing for so long is closed
    milliseconds message{30'000};         ///< from a message's first byte to its last
};

struct LinkSettings {
    milliseconds connect{5'000};         ///< for connect
    milliseconds handshake{5'000};       ///< for the whole link handshake
    milliseconds keep_alive{5'000};      ///< an Ack at least so often
    milliseconds dead_after{15'000};     ///< a link that brings no byte for so long is lost
    milliseconds ack_delay{50};          ///< an Ack at the latest so long after something was handled
    milliseconds redial_min{100};        ///< first wait after a failed dial, doubled each time
    milliseconds redial_max{1'000};      ///< the cap of it
    milliseconds resolve_every{5'000};   ///< names are resolved again so often
    milliseconds resume_window{30'000};  ///< a lane may bring no acknowledgement for so long
    milliseconds gone_after{5'000};      ///< an app server that closed all links and refuses new ones is gone then
    std::size_t window_bytes = 1 << 20;
    std::size_t ring_bytes = 4 << 20;
    std::size_t max_frame_bytes = (1 << 20) + (64 << 10);  ///< largest frame taken from an app server

    /// An app server ends a pool so long after its proxy has last answered it: well before the resume window is over,
    /// so that no connection is open at two of them.
    milliseconds app_window() const { return resume_window - resume_window / 6; }
};

enum class LogLevel { trace, debug, info, warn, error, off };
enum class LogFormat { text, json };

struct LogSettings {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::text;
};

struct Settings {
    std::string proxy_id;  ///< never empty once loaded: default is hostname:port of the first listener
    unsigned workers = 0;  ///< never 0 once loaded: default is one per core, but 1 on two cores or fewer
    std::vector<ListenerSettings> listeners;
    std::vector<UpstreamSettings> upstreams;
    std::vector<RouteSettings> routes;
    std::filesystem::path link_key_file;  ///< empty = none
    std::string link_key;                 ///< its content without surrounding white space; never logged
    AdminSettings admin;
    LimitSettings limits;
    TimeoutSettings timeouts;
    LinkSettings links;
    std::filesystem::path takeover_socket;  ///< absolute, at most 107 bytes; empty = none
    milliseconds max_connection_age{0};     ///< then a client is asked to come back, 10 % earlier or later; 0 = off
    milliseconds pre_stop_delay{0};         ///< after SIGTERM: not ready, and serving as ever
    milliseconds drain_timeout{30'000};
    LogSettings log;
};

}  // namespace trunkline::config
