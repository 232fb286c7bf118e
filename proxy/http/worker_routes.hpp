#pragma once

#include "proxy/http/generation.hpp"

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace trunkline::proxy {

class Upstream;
class WorkerRoutes;

/// One route of a generation on one worker.
struct Route {
    const config::RouteSettings& settings;
    const config::Settings& all_settings;  ///< of the same generation
    Upstream* upstream;                    ///< the worker's; null where the route has files
    const WorkerRoutes& of;
};

/// Holds a route, and with it its generation. 8 bytes, so that a session can have one.
using RoutePtr = boost::intrusive_ptr<const Route>;
void intrusive_ptr_add_ref(const Route* route) noexcept;
void intrusive_ptr_release(const Route* route) noexcept;

/// A generation as one worker uses it: with the worker's own upstreams, and counted by the worker's thread alone. Lives
/// as long as the worker has it for its current one, or a request or a session uses it.
class WorkerRoutes : public boost::intrusive_ref_counter<WorkerRoutes, boost::thread_unsafe_counter> {
  public:
    /// `find` gives the worker's upstream of a name, which outlives this; null if there is none.
    using FindUpstream = std::function<Upstream*(const std::string& name)>;
    WorkerRoutes(std::shared_ptr<const Generation> generation, const FindUpstream& find);
    WorkerRoutes(const WorkerRoutes&) = delete;
    WorkerRoutes& operator=(const WorkerRoutes&) = delete;

    const Generation& generation() const noexcept { return *generation_; }
    /// By its index in the settings.
    RoutePtr route(std::size_t index) const noexcept { return RoutePtr(&routes_[index]); }

  private:
    // Constant after construction.
    std::shared_ptr<const Generation> generation_;
    std::vector<Route> routes_;
};

using WorkerRoutesPtr = boost::intrusive_ptr<const WorkerRoutes>;

}  // namespace trunkline::proxy
