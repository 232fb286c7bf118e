#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace trunkline {

/// How much a line of the SDK's log matters.
enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// Bounds and deadlines of an app server; the defaults are those of SPEC.md "Defaults". Sizes are bytes. What cannot
/// work (a ring of 0) is taken as the nearest that can.
struct Limits {
    /// Received from one lane but not handled yet, at most. A proxy stops sending on that lane beyond it.
    std::uint64_t window = 1 << 20;
    /// Sent on one lane but not acknowledged by its proxy. A lane that holds this much is full: `would_block`.
    std::uint64_t ring = 4 << 20;
    /// Beyond a full ring, per lane: control frames, and what calls on the loop still send.
    std::uint64_t reserve = 256 << 10;
    /// The longest frame taken from a proxy, at least 16 KiB; it limits the client messages that routes may allow.
    std::size_t max_frame = 16 << 20;
    /// Messages kept for one connection that is paused or not answered, with what keeping them costs. Whoever sends
    /// more is closed with 1013. The default is more than what can be under way of a client that its proxy does not
    /// read: a proxy's `links.ring` and `window` above. Where a proxy has a larger ring, raise this with it.
    std::size_t parked_per_connection = 8 << 20;
    /// The same over all connections; beyond it the connection that keeps most is closed.
    std::size_t parked_in_all = 64 << 20;
    /// Acknowledged requests that wait for one lane's answer, at most 4096; beyond it: `would_block`.
    std::uint32_t open_requests_per_lane = 4096;
    /// From an accepted socket to a lane that is attached.
    std::chrono::milliseconds handshake_timeout{5'000};
    /// A lane that stays full this long without any acknowledgement ends its pool; its clients reconnect.
    std::chrono::milliseconds stall_timeout{5'000};
    /// A callback, or a run of callbacks for one piece of input, that took longer is logged.
    std::chrono::milliseconds slow_callback{5'000};
    /// A link that sent nothing for this long is lost.
    std::chrono::milliseconds link_silence{15'000};
    /// At least so often something is sent on a link.
    std::chrono::milliseconds keep_alive{5'000};
    /// A proxy that closed all links of a pool and does not come back for this long is gone.
    std::chrono::milliseconds proxy_gone_after{5'000};
    /// How long an older life of a proxy has to answer when a new one is there.
    std::chrono::milliseconds probe_timeout{2'000};
    /// How long `drain` takes at the most; then it stops.
    std::chrono::milliseconds drain_timeout{30'000};
    /// How long `stop` waits for what was sent to leave the process.
    std::chrono::milliseconds stop_timeout{1'000};
};

/// What an `AppServer` is made with. All fields may stay as they are.
struct Options {
    /// Announced to proxies: app servers of one name are one member of an upstream, whatever addresses they are reached
    /// at. Empty: the address that the proxy dialled.
    std::string name;
    /// The secret shared with the proxies, at least 16 bytes, white space around them not counted, as in a key file;
    /// needed to listen on TCP off loopback (SPEC.md "Handshake"). Never logged.
    std::string link_key;
    /// A regular file of at most 4096 bytes with that secret, the same as the proxies' `link_key_file`; read by the
    /// first `listen` if `link_key` is empty.
    std::string link_key_file;
    /// `on_ready` is called this long after `run`, so that every proxy had time to link up.
    std::chrono::milliseconds warm_up{1'500};
    /// How long a message on its way to clients may wait in this process for more to share a write with, at most 100
    /// ms; 0: it leaves when the callbacks have returned that are due now. From some thousand messages a second on, 0.2
    /// to 1 ms save much of the CPU of the app server and of its proxies, for so much more latency
    /// (docs/benchmarks.md). A message waits at most once; acceptances, closes, group changes and all else that is no
    /// message do not wait, and take with them what does. The proxy has the same setting for the other direction
    /// (`upstreams.NAME.linger`).
    std::chrono::microseconds linger{0};
    Limits limits;
    /// Gets the SDK's log lines, on the thread that runs the loop. No payloads, no secrets, nothing per message. Empty:
    /// no log.
    std::function<void(LogLevel, std::string_view)> on_log;
};

}  // namespace trunkline
