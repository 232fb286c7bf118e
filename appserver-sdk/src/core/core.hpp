#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "appserver-sdk/src/core/admission.hpp"
#include "appserver-sdk/src/core/callbacks.hpp"
#include "appserver-sdk/src/core/calls.hpp"
#include "appserver-sdk/src/core/connections.hpp"
#include "appserver-sdk/src/core/life.hpp"
#include "appserver-sdk/src/core/links.hpp"
#include "appserver-sdk/src/core/log.hpp"
#include "appserver-sdk/src/core/outgoing.hpp"
#include "appserver-sdk/src/core/pool_events.hpp"
#include "appserver-sdk/src/core/proxies.hpp"
#include "appserver-sdk/src/core/room.hpp"
#include "appserver-sdk/src/core/sends.hpp"
#include "appserver-sdk/src/core/stage.hpp"
#include "appserver-sdk/src/core/tasks.hpp"
#include "appserver-sdk/src/core/watch.hpp"
#include "appserver-sdk/src/core/writability.hpp"
#include "net/loop.hpp"

namespace trunkline {

/// Owns the parts of an AppServer and connects them. Held by the AppServer and, so that handles stay valid, by every
/// connection and target; after the end only `outgoing` is left, which answers `closed`.
///
/// The parts stand in their order: each uses those before it, and none behind it. Pools, which call all of them, know
/// the Core.
class Core : public std::enable_shared_from_this<Core> {
  private:
    const Options options_;
    Stage stage_ = Stage::running;
    std::unique_ptr<net::Loop> loop_;  // null after the end

  public:
    explicit Core(Options options);
    ~Core();

    Result<std::string> listen(std::string_view address);
    std::error_code run();
    void listen_to_signals(Life::OnTerminate what);
    /// Any thread. Runs `task` on the loop after that time.
    void post_after(std::chrono::milliseconds delay, std::function<void()> task);
    /// Ends what is left without waiting for the proxies. `run` has returned, or was never called.
    void shut_down();

    net::Loop& loop() noexcept { return *loop_; }
    const Limits& limits() const noexcept { return options_.limits; }

    // What only Core may do with the types of the app.
    static Connection handle(std::shared_ptr<ConnectionState> state) noexcept { return Connection(std::move(state)); }
    static Answer answer(std::shared_ptr<ConnectionState> state) noexcept { return Answer(std::move(state)); }
    static const std::shared_ptr<ConnectionState>& state_of(const Connection& connection) noexcept {
        return connection.state_;
    }

    const protocol::Hello own_hello;
    const Log log;
    Callbacks callbacks;
    Tasks tasks;
    Outgoing outgoing;
    Calls calls;
    Proxies proxies;
    Watch watch;
    Sends sends;
    Writability writability;
    Connections connections;
    Room room;
    PoolEvents pool_events;
    Admission admission;
    Links links;
    Life life;

  private:
    void execute(Call& call, std::string_view frame);
};

}  // namespace trunkline
