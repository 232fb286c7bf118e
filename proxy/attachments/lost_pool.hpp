#pragma once

#include <functional>
#include <string>

#include "trunkline/protocol/bytes.hpp"

namespace trunkline::proxy {

/// Whether a frame that an app server has not handled had reached the kernel on its way there: then its messages may
/// have been handled all the same, and are flagged when they are sent again.
enum class Written : bool { no, yes };

/// A pool that has ended here, as its held connections need it.
class LostPool {
  public:
    /// The name of its app server.
    virtual const std::string& name() const noexcept = 0;
    /// Calls `visit` for the body of every frame that the app server has not handled, as far as is known; those of one
    /// connection in their order.
    virtual void for_each_unhandled(const std::function<void(protocol::Bytes body, Written)>& visit) const = 0;

  protected:
    ~LostPool() = default;
};

}  // namespace trunkline::proxy
