#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "appserver-sdk/src/connection_state.hpp"
#include "appserver-sdk/src/incoming_link.hpp"
#include "appserver-sdk/src/link_listener.hpp"
#include "appserver-sdk/src/outgoing.hpp"
#include "appserver-sdk/src/pool.hpp"
#include "appserver-sdk/src/proxy_peer.hpp"
#include "appserver-sdk/src/requests.hpp"
#include "net/link/link_handshake.hpp"
#include "net/loop.hpp"
#include "trunkline/protocol/service/encode.hpp"

#include <boost/core/demangle.hpp>
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

/// What an AppServer is inside: the loop, the proxies that are linked, their pools and connections, and the one place
/// that calls the app. Held by the AppServer and, so that handles stay valid, by every connection and target; after the
/// end only `outgoing` is left to answer `closed`.
///
/// Members are for the loop, unless they are under "any thread". Callbacks never run inside one another: what a call of
/// the app brings about is deferred until the loop is back at the top.
class Core : public std::enable_shared_from_this<Core> {
  public:
    explicit Core(Options options);
    ~Core();

    // --- Life (core.cpp) ---
    Result<std::string> listen(std::string_view address);
    std::error_code run();
    void stop();   ///< any thread
    void drain();  ///< any thread
    /// `stop` at the first signal; or `on_terminate`, if it is SIGTERM.
    void on_signals(void (Core::*on_terminate)());
    /// Ends what is left without telling anybody at the proxies; `run` has returned, or was never called.
    void shut_down();

    // --- Calls of the app (calls.cpp), any thread ---
    bool is_on_loop() const noexcept {
        return loop_thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }
    /// An empty buffer of this thread to encode one frame into. The next call of the app reuses it.
    protocol::Buffer& begin_frame();
    std::error_code send(Addressees to, std::string_view frame, std::int32_t request = 0, Completion completion = {});
    std::error_code close(const std::shared_ptr<ConnectionState>& state, std::uint16_t code, std::string_view reason);
    std::error_code accept(const std::shared_ptr<ConnectionState>& state, Acceptance&& acceptance);
    std::error_code refuse(const std::shared_ptr<ConnectionState>& state, std::uint16_t code, std::string_view reason);
    void set_paused(const std::shared_ptr<ConnectionState>& state, bool paused);
    /// Of a connection, or of everything if there is none.
    void when_writable(std::shared_ptr<ConnectionState> state, WritableCallback callback);
    void post(std::function<void()> task);
    void post_after(std::chrono::milliseconds delay, std::function<void()> task);

    // --- What proxies bring (core.cpp, connections.cpp) ---
    void on_accepted(net::ByteStream stream, bool key_required);
    Decision decide(IncomingLink& link, const protocol::Hello& proxy, const protocol::Attach& attach);
    void on_pool_up(Pool& pool);
    /// The pool has told its links; it leaves its peer, and its connections end.
    void on_pool_ended(Pool& pool, std::string_view why);
    void forget(IncomingLink& link);

    protocol::Result<void> on_open(LaneSlot& slot, const protocol::Open& open);
    /// Hands the message out, keeps it for a connection that is paused or not answered, or ends that connection.
    void on_data(const Connection& connection, const Message& message);
    void on_closed(const Connection& connection, Disconnect disconnect);
    void on_backlog(const Connection& connection, bool on);
    void on_request_answered(LaneSlot& slot, std::int32_t id, AckStatus status);
    static Connection handle(std::shared_ptr<ConnectionState> state) noexcept { return Connection(std::move(state)); }
    static std::uint8_t key_of(const Connection& connection) noexcept { return connection.state_->key; }
    /// Room came back on a lane.
    void on_room(LaneSlot& slot);
    /// What other threads were promised room for is appended, then the Marks; from there on home lanes are reckoned by
    /// this number.
    template <class WriteMarks>
    void set_lanes(PoolBudget& pool, std::uint32_t lanes, WriteMarks write_marks) {
        do take_calls();
        while (!outgoing.set_lanes(pool, lanes, write_marks));
    }
    /// Connections have other home lanes: who waited on one looks again.
    void on_resized(Pool& pool);
    void append_pause_later(const std::shared_ptr<ConnectionState>& state);
    /// A lane has become full.
    void watch_stall();
    /// A lane has lost its link.
    void watch_lost_links();
    void on_detach(const Connection& connection);

    // --- Callbacks and time ---
    /// Runs `callback` and keeps what it throws from leaving; false if it threw.
    template <class F>
    bool guarded(std::string_view what, F&& callback);
    /// Logs if the app's callbacks took too long since then.
    void check_time(net::Clock::time_point since, std::string_view what) const;
    /// Runs `task` when the loop is back at the top, before it waits.
    void defer(std::function<void()> task);
    void log(LogLevel level, std::string_view text) const;

    net::Loop& loop() noexcept { return *loop_; }
    const Options& options() const noexcept { return options_; }
    const Limits& limits() const noexcept { return options_.limits; }
    const net::LinkKey link_key(bool required) const { return {key_, required}; }
    protocol::Hello own_hello() const;
    protocol::LaneSettings lane_settings() const;
    net::LinkTimes link_times() const { return {limits().handshake_timeout, limits().link_silence, options_.linger}; }

    Handlers handlers;
    Outgoing outgoing;

  private:
    void begin(protocol::Epoch proxy);
    void begin_stop();
    void begin_drain();
    void leave_drained();
    void report_drain();
    bool is_drained(Pool& pool) const;
    void finish_detach(const std::shared_ptr<ConnectionState>& state);
    void look_for_older_epochs(const protocol::Hello& proxy);
    void hear_probe(Pool& pool, net::Clock::time_point asked, protocol::Epoch newer);
    void finish_stop_if_flushed();
    void finish_stop();
    void on_tick(net::Clock::time_point now);
    void schedule_tick(std::chrono::milliseconds delay);
    void end_stalled_pools(net::Clock::time_point now);
    std::error_code load_key();
    void publish_proxies();
    ProxyPeer& peer_of(const protocol::Hello& hello);
    std::vector<Pool*> all_pools();
    Pool* find_pool(const protocol::PoolId& id);

    void take_calls();
    void execute(Call& call, std::string_view frame);
    /// Appends a frame for which room was taken to all lanes it is addressed to; says which.
    void append_reserved(const Addressees& to, std::string_view frame, std::vector<AskedLane>* asked);
    void run_deferred();

    void apply_wait(const std::shared_ptr<ConnectionState>& state, WritableCallback&& waiter);
    void apply_accept(const std::shared_ptr<ConnectionState>& state, std::string_view frame);
    void apply_close(const std::shared_ptr<ConnectionState>& state, std::string_view frame, Disconnect&& disconnect);
    void wake_waiting(LaneSlot& slot);
    void apply_pause(const std::shared_ptr<ConnectionState>& state);
    std::error_code end_by_app(const std::shared_ptr<ConnectionState>& state, std::uint16_t wire_code,
                               Disconnect disconnect);
    void leave_pool(ConnectionState& state);
    void give_up(const std::shared_ptr<ConnectionState>& state);
    void drop_parked(ConnectionState& state);
    void unpark_later(const std::shared_ptr<ConnectionState>& state);
    void unpark(const std::shared_ptr<ConnectionState>& state);
    void deliver(const Connection& connection, const Message& message);
    void tell(const std::shared_ptr<ConnectionState>& state, const Disconnect& disconnect);
    void check_writable(const std::shared_ptr<ConnectionState>& state);
    void wait_for_room(const std::shared_ptr<ConnectionState>& state, LaneSlot& slot);
    bool is_all_writable();
    void check_all_writable();
    LaneSlot* slot_of(const ConnectionState& state) const;
    bool has_room(const LaneSlot& slot) const { return trunkline::has_room(slot.budget, limits()); }

    const Options options_;
    std::string key_;
    const protocol::Epoch epoch_;
    std::atomic<std::thread::id> loop_thread_{};
    std::atomic<bool> has_run_{false};
    std::atomic<bool> stop_wanted_{false};

    std::unique_ptr<net::Loop> loop_;
    std::vector<std::unique_ptr<LinkListener>> listeners_;
    std::unordered_map<IncomingLink*, std::unique_ptr<IncomingLink>> links_;
    std::vector<std::unique_ptr<ProxyPeer>> peers_;
    struct EndedPool {
        protocol::PoolId id;
        net::Clock::time_point until;
    };
    std::vector<EndedPool> ended_pools_;
    std::optional<std::string> upstream_;  ///< that the first proxy named

    Requests requests_;
    std::vector<WritableCallback> all_writable_waiters_;
    std::unordered_set<std::shared_ptr<ConnectionState>> lingering_;  ///< ended, but with parked messages to hand out
    std::size_t parked_bytes_ = 0;
    std::unordered_map<const ConnectionState*, std::shared_ptr<ConnectionState>> parking_;  ///< that have any of those

    CallBatch taken_;
    bool is_taking_calls_ = false;
    std::vector<std::function<void()>> deferred_;
    bool deferred_posted_ = false;
    bool is_turning_away_ = false;
    bool is_leaving_ = false;  // drains
    bool is_stopping_ = false;
    bool has_finished_ = false;
    net::Clock::time_point tick_at_{};
    net::Clock::time_point stop_deadline_{};
    net::Clock::time_point drain_report_at_{};
    net::MemberHook<&Core::on_tick> tick_{*this};
    class DelayedTask;
    std::unordered_map<DelayedTask*, std::unique_ptr<DelayedTask>> delayed_;
    struct Signals;
    std::unique_ptr<Signals> signals_;
};

/// A task with a time. Owned by Core until then.
class Core::DelayedTask final : public net::WheelHook {
  public:
    DelayedTask(Core& core, std::function<void()> task) : core_(core), task_(std::move(task)) {}

  private:
    void on_deadline(net::Clock::time_point) override {
        core_.defer(std::move(task_));
        core_.delayed_.erase(this);
    }

    Core& core_;
    std::function<void()> task_;
};

template <class F>
bool Core::guarded(std::string_view what, F&& callback) {
    bool returned = true;
    try {
        std::forward<F>(callback)();
    } catch (const std::exception& error) {  // its words may quote a message, which no log may
        returned = false;
        log(LogLevel::error, std::string(what) + " threw " + boost::core::demangle(typeid(error).name()));
    } catch (...) {
        returned = false;
        log(LogLevel::error, std::string(what) + " threw something that is no std::exception");
    }
    return returned;
}

}  // namespace trunkline
