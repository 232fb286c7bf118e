#pragma once

#include <string_view>
#include <system_error>
#include <vector>

#include "appserver-sdk/src/core/calls.hpp"
#include "appserver-sdk/src/core/proxies.hpp"
#include "appserver-sdk/src/core/stage.hpp"
#include "appserver-sdk/src/core/tasks.hpp"
#include "appserver-sdk/src/requests.hpp"

namespace trunkline {

struct PoolLane;

/// Frames of the app on their way to lanes: takes room for each on all lanes that it is addressed to, or on none, and
/// appends it there. Also the requests among them that wait for an answer.
class Sends {
  public:
    Sends(Outgoing& outgoing, Calls& calls, Proxies& proxies, Callbacks& callbacks, Tasks& tasks,
          const Options& options, const Stage& stage);

    /// Any thread. A `request` that is not 0 is the number of an acknowledged request, and `completion` its end.
    /// Errors: those of Outgoing::submit.
    std::error_code send(Addressees to, std::string_view frame, std::int32_t request = 0, Completion completion = {});

    // --- On the loop ---

    /// Appends the frame of a call for which another thread has taken room.
    void append(Call& call, std::string_view frame);
    void on_answer(PoolLane& lane, std::int32_t request, AckStatus status);
    /// Its lanes answer no request any more.
    void on_pool_ended(const Pool& pool);

  private:
    /// Appends the frame to all lanes that it is addressed to; says which.
    void append_to_all(const Addressees& to, std::string_view frame, std::vector<AskedLane>* asked);

    Outgoing& outgoing_;
    Calls& calls_;
    Proxies& proxies_;
    Callbacks& callbacks_;
    Tasks& tasks_;
    const Options& options_;
    const Limits& limits_;
    const Stage& stage_;
    Requests requests_;
};

}  // namespace trunkline
