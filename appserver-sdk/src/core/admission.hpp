#pragma once

#include <optional>
#include <string>

#include "appserver-sdk/src/core/calls.hpp"
#include "appserver-sdk/src/core/proxies.hpp"
#include "appserver-sdk/src/core/stage.hpp"
#include "appserver-sdk/src/core/tasks.hpp"
#include "trunkline/protocol/service/handshake.hpp"

namespace trunkline {

/// What a proxy's wish to attach a lane is answered with; the lane is set if the status is ok.
struct Decision {
    protocol::AttachStatus status = protocol::AttachStatus::refused;
    PoolLane* lane = nullptr;
};

/// Decides which link may carry which lane (SPEC.md "Handshake"), and makes the pools. On the loop.
class Admission {
  public:
    Admission(Core& core, net::Loop& loop, Proxies& proxies, Tasks& tasks, const Log& log, const Limits& limits,
              const Stage& stage);

    /// What the proxy at the other end of this link asks for. The lane has the link from then on, unless it is refused.
    Decision decide(IncomingLink& link, const protocol::Hello& proxy, const protocol::Attach& attach);

  private:
    Decision refuse(const protocol::Hello& proxy, const std::string& why) const;
    std::string what_is_wrong(const protocol::Hello& proxy, const protocol::Attach& attach) const;
    Decision make_pool(IncomingLink& link, const protocol::Hello& proxy, const protocol::Attach& attach);
    Decision attach_to(Pool& pool, IncomingLink& link, const protocol::Hello& proxy, const protocol::Attach& attach);

    void probe_older_epochs(const protocol::Hello& proxy);
    void end_if_silent(Pool& pool, net::Clock::time_point asked, protocol::Epoch newer);

    Core& core_;
    net::Loop& loop_;
    Proxies& proxies_;
    Tasks& tasks_;
    const Log& log_;
    const Limits& limits_;
    const Stage& stage_;
    std::optional<std::string> upstream_;  // that the first proxy named
};

}  // namespace trunkline
