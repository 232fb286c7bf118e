#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace trunkline::proxy {

/// How one worker stands with one app server.
enum class AppServerState : std::uint8_t {
    pending,  ///< the first attempt is under way: neither linked nor failed yet
    linked,   ///< all lanes of the pool are attached: takes Opens and fan-outs
    lost,     ///< was linked and is not now; being redialled unless its name vanished
    failed,   ///< never linked, and an attempt failed
};
std::string_view to_string(AppServerState state) noexcept;

/// One app server as one worker sees it. A configured name that has not been resolved yet is one of these, too, with
/// the address as configured.
struct AppServerSnapshot {
    std::string address;      ///< as dialled: `tcp://10.0.0.5:7000`; the metric label `app_server`
    std::string name;         ///< as announced, else empty
    std::uint64_t epoch = 0;  ///< as announced, 0 before
    AppServerState state = AppServerState::pending;
    std::chrono::steady_clock::time_point up_since{};  ///< when it was linked last; meaningful while it is
    unsigned lanes_up = 0;                             ///< attached now
    unsigned lanes = 0;                                ///< of this worker's pool
    std::string last_error;                            ///< why it is not linked; empty while it is
};

/// What is wrong with an address behind which there is more than one, such as that of a balancer.
std::string several_app_servers_at(std::string_view address);

/// One upstream as one worker sees it.
struct UpstreamSnapshot {
    std::string name;
    bool was_linked = false;  ///< some app server of it was linked to this worker since its start
    std::vector<AppServerSnapshot> app_servers;
};

/// Where a worker leaves the snapshots of its upstreams for the admin thread: published at each change (link up, link
/// lost, dial failed, name resolved), never per message. Both functions may be called from any thread.
class UpstreamBoard {
  public:
    /// Replaces what stands for the upstream of that name.
    void publish(UpstreamSnapshot snapshot);

    /// What was published last of each upstream.
    std::vector<UpstreamSnapshot> read() const;

  private:
    mutable std::mutex mutex_;
    std::vector<UpstreamSnapshot> upstreams_;  // shared, under mutex_
};

}  // namespace trunkline::proxy
