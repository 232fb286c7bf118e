#include "proxy/http/worker_routes.hpp"

#include <utility>

namespace trunkline::proxy {

void intrusive_ptr_add_ref(const Route* route) noexcept { intrusive_ptr_add_ref(&route->of); }
void intrusive_ptr_release(const Route* route) noexcept { intrusive_ptr_release(&route->of); }

WorkerRoutes::WorkerRoutes(std::shared_ptr<const Generation> generation, const FindUpstream& find)
    : generation_(std::move(generation)) {
    const auto& settings = generation_->settings;
    routes_.reserve(settings.routes.size());
    for (const auto& route : settings.routes) {
        Upstream* upstream = route.upstream.empty() ? nullptr : find(route.upstream);
        routes_.push_back(Route{route, settings, upstream, *this});
    }
}

}  // namespace trunkline::proxy
