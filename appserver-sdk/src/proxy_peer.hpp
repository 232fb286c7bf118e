#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "appserver-sdk/src/pool.hpp"
#include "trunkline/protocol/ids.hpp"
#include "trunkline/protocol/service/handshake.hpp"

#include <trunkline/app_server.hpp>

namespace trunkline {

/// One epoch of a proxy, which is one process: a pool for each of its workers. It is up once all of them were up
/// together, and lost when the last pool has ended. Owned by Proxies; used on the loop.
class ProxyPeer {
  public:
    explicit ProxyPeer(const protocol::Hello& hello)
        : id_(std::make_shared<const std::string>(hello.name)),
          epoch_(hello.epoch),
          software_(hello.software),
          resume_window_(app_window_of(hello) * 6 / 5),
          pools_(hello.workers == 0 ? 1 : hello.workers) {}

    const std::shared_ptr<const std::string>& id() const noexcept { return id_; }
    protocol::Epoch epoch() const noexcept { return epoch_; }
    /// For how long it may try to resume a pool.
    std::chrono::milliseconds resume_window() const noexcept { return resume_window_; }

    /// Its pools, one place per worker; places may be empty.
    std::vector<std::unique_ptr<Pool>>& pools() noexcept { return pools_; }
    bool has_pools() const noexcept;
    bool are_all_up() const noexcept;

    ProxyInfo info() const;

    bool was_up = false;     ///< on_proxy_up was called
    bool has_begun = false;  ///< its frames are handled; before that they wait, so that a fan-out reaches all workers
    std::set<protocol::Epoch> beside;  ///< other epochs of this id that were logged as alive too

  private:
    const std::shared_ptr<const std::string> id_;
    const protocol::Epoch epoch_;
    const std::string software_;
    const std::chrono::milliseconds resume_window_;
    std::vector<std::unique_ptr<Pool>> pools_;
};

/// For the log.
std::string describe(const ProxyPeer& peer);

}  // namespace trunkline
