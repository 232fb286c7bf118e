#pragma once

#include <atomic>
#include <memory>
#include <system_error>

#include "appserver-sdk/src/core/calls.hpp"
#include "appserver-sdk/src/core/connections.hpp"
#include "appserver-sdk/src/core/links.hpp"
#include "appserver-sdk/src/core/proxies.hpp"
#include "appserver-sdk/src/core/stage.hpp"
#include "net/loop.hpp"

namespace trunkline {

/// Runs the loop and ends it: drains, stops, and listens to signals. It alone changes the stage of the app server.
class Life {
  public:
    struct Parts {
        net::Loop& loop;
        Outgoing& outgoing;
        Calls& calls;
        Proxies& proxies;
        Connections& connections;
        Links& links;
        Tasks& tasks;
        Callbacks& callbacks;
        const Log& log;
        const Options& options;
        Stage& stage;
    };

    explicit Life(const Parts& parts);
    ~Life();

    /// What a SIGTERM asks for; a SIGINT always stops.
    enum class OnTerminate : unsigned char { stop, drain };

    /// See AppServer. `run` returns when the loop has stopped; Core has then to shut down.
    std::error_code run();
    void stop();   ///< any thread
    void drain();  ///< any thread
    void listen_to_signals(OnTerminate what);

    /// Ends all pools without waiting for their proxies. The loop runs no more.
    void end_pools();
    /// Gives up signals and deadlines.
    void finish();

  private:
    void begin_drain();
    void look_at_drain();
    bool is_drained(const Pool& pool) const;
    void report_drain();
    void begin_stop();
    void look_at_stop();
    void finish_stop();
    void look_again(std::chrono::milliseconds delay);
    void on_look(net::Clock::time_point now);

    const Parts parts_;
    std::atomic<bool> has_run_{false};
    std::atomic<bool> is_stop_wanted_{false};
    net::Clock::time_point deadline_{};  // of the drain or of the stop
    net::Clock::time_point drain_report_at_{};
    net::MemberHook<&Life::on_look> look_{*this};
    struct Signals;
    std::unique_ptr<Signals> signals_;
};

}  // namespace trunkline
