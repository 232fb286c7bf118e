#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "appserver-sdk/src/core/log.hpp"
#include "net/clock.hpp"

#include <trunkline/app_server.hpp>

namespace trunkline {

/// The callbacks of the app. Constant while the loop runs.
struct Handlers {
    std::function<void(const Connection&, Answer)> on_connect;
    std::function<void(const Connection&, const Message&)> on_message;
    std::function<void(const Connection&, const Disconnect&)> on_disconnect;
    std::function<void()> on_ready;
    std::function<void(const ProxyInfo&)> on_proxy_up;
    std::function<void(const ProxyInfo&)> on_proxy_lost;
};

/// The only place that runs code of the app: nothing that it throws leaves here, and what takes too long is logged.
/// On the loop.
class Callbacks {
  public:
    Callbacks(const Limits& limits, const Log& log) : limits_(limits), log_(log) {}

    /// Calls `callback`, and logs what it throws; false if it threw. `what` names it in the log.
    template <class F>
    bool run(std::string_view what, F&& callback) {
        try {
            std::forward<F>(callback)();
            return true;
        } catch (const std::exception& error) {
            log_exception(what, &error);
        } catch (...) {
            log_exception(what, nullptr);
        }
        return false;
    }

    /// Logs if the app's callbacks took too long since then.
    void check_time(net::Clock::time_point since, std::string_view what) const;

    Handlers handlers;

  private:
    void log_exception(std::string_view what, const std::exception* error) const;

    const Limits& limits_;
    const Log& log_;
};

}  // namespace trunkline
