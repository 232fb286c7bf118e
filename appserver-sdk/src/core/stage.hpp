#pragma once

#include <cstdint>

namespace trunkline {

/// Where an app server is in its life. It only moves forward.
enum class Stage : std::uint8_t {
    running,   ///< also before `run`
    draining,  ///< takes no new pools; its connections move to other app servers
    stopping,  ///< listens no more, and waits until the proxies have handled what was sent
    finished,  ///< all pools have ended: calls answer `closed`
};

}  // namespace trunkline
