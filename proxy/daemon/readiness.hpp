#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "proxy/daemon/admin_source.hpp"
#include "proxy/metrics/upstream_snapshot.hpp"

namespace trunkline::proxy {

/// Whether a balancer should send clients here. Ready once each app server was linked or has failed once, and each
/// upstream had one linked, both on every worker; from then on only draining ends it, because if lost app servers did,
/// one dead upstream would take every proxy out of the balancer. They are listed all the same.
class Readiness {
  public:
    using Clock = std::chrono::steady_clock;

    /// Workers that are linked to different lives of an app server at one address for so long do not just follow a
    /// restart one after the other: even one that died in silence is dead for all by then. Something behind the
    /// address answers for several.
    static constexpr std::chrono::seconds kRestart{20};

    /// `upstream_names`: in the order in which they are shown. `workers`: what each worker's UpstreamBoard holds. The
    /// body is one JSON object:
    ///
    ///     {"ready":false,"draining":false,"upstreams":[{"name":"chat","ready":false,"why":"…","app_servers":[
    ///       {"address":"tcp://…","name":"a","epoch":"00f1…","state":"failed","links_up":0,"links":5,"last_error":"…"}]}]}
    ///
    /// `why` is there while the upstream is not ready, `last_error` where there is one. An app server shows the worst
    /// state that a worker has with it; where workers see several behind its address, `last_error` says so, and the log
    /// once.
    AdminSource::Answer answer(const std::vector<std::string>& upstream_names,
                               const std::vector<std::vector<UpstreamSnapshot>>& workers, bool is_draining,
                               Clock::time_point now);

  private:
    void report_several(const std::string& upstream, AppServerSnapshot& app_server);

    bool was_ready_ = false;
    std::set<std::string> several_at_;  // addresses that were logged
};

}  // namespace trunkline::proxy
