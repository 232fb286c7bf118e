#pragma once

#include <string>
#include <vector>

#include "proxy/app/admin_source.hpp"
#include "proxy/metrics/upstream_snapshot.hpp"

namespace trunkline::proxy {

/// Whether a balancer should send clients here. Ready once each app server was linked or has failed once, and each
/// upstream had one linked, both on every worker; from then on only draining ends it, because if lost app servers did,
/// one dead upstream would take every proxy out of the balancer. They are listed all the same.
class Readiness {
  public:
    /// The names of the upstreams in the order of the settings.
    explicit Readiness(std::vector<std::string> upstream_names);

    /// `workers`: what each worker's UpstreamBoard holds. The body is one JSON object:
    ///
    ///     {"ready":false,"draining":false,"upstreams":[{"name":"chat","ready":false,"why":"…","app_servers":[
    ///       {"address":"tcp://…","name":"a","epoch":"00f1…","state":"failed","links_up":0,"links":5,"last_error":"…"}]}]}
    ///
    /// `why` is there while the upstream is not ready, `last_error` where there is one. An app server shows the worst
    /// state that a worker has with it.
    AdminSource::Answer answer(const std::vector<std::vector<UpstreamSnapshot>>& workers, bool is_draining);

  private:
    const std::vector<std::string> upstream_names_;
    bool was_ready_ = false;
};

}  // namespace trunkline::proxy
