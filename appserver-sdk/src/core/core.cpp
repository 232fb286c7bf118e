#include "appserver-sdk/src/core/core.hpp"

#include <algorithm>

namespace trunkline {
namespace {

constexpr std::chrono::microseconds kMaxLinger = std::chrono::milliseconds(100);

/// `options` with limits that can work.
Options workable(Options options) {
    constexpr std::uint64_t kLeastRing = 4 << 10;
    Limits& limits = options.limits;
    limits.ring = std::max(limits.ring, kLeastRing);
    limits.window = std::max(limits.window, kLeastRing);
    limits.max_frame = std::clamp(limits.max_frame, protocol::kLeastMaxFrame, protocol::kMaxFrameLength);
    limits.open_requests_per_lane = std::clamp(limits.open_requests_per_lane, 1u, protocol::kMaxOpenRequests);
    options.linger = std::clamp(options.linger, std::chrono::microseconds::zero(), kMaxLinger);
    return options;
}

protocol::Hello hello_of(const Options& options) {
    protocol::Hello hello;
    hello.name = options.name;
    hello.epoch = net::random_epoch();
    hello.software = "trunkline-appserver/" TRUNKLINE_VERSION;
    hello.max_frame = options.limits.max_frame;
    hello.features = {protocol::kFeatureResume, protocol::kFeatureMigrate, protocol::kFeatureResize};
    return hello;
}

}  // namespace

Core::Core(Options options)
    : options_(workable(std::move(options))),
      loop_(std::make_unique<net::Loop>()),
      own_hello(hello_of(options_)),
      log(options_),
      callbacks(limits(), log),
      tasks(*loop_, callbacks),
      outgoing(limits(), [this] { loop_->post([this] { calls.take(); }); }),
      calls(outgoing, [this](Call& call, std::string_view frame) { execute(call, frame); }),
      proxies(*loop_, outgoing),
      watch(*loop_, proxies, limits(), stage_),
      sends(outgoing, calls, proxies, callbacks, tasks, options_, stage_),
      writability(outgoing, calls, proxies, callbacks, tasks, limits(), stage_),
      connections(*this, outgoing, calls, callbacks, tasks, writability, log, limits()),
      room(connections, writability, tasks, limits()),
      pool_events(
          {outgoing, calls, proxies, connections, sends, writability, room, callbacks, tasks, log, options_, stage_}),
      admission(*this, *loop_, proxies, tasks, log, limits(), stage_),
      links(*loop_, options_, own_hello, admission, log),
      life({*loop_, outgoing, calls, proxies, connections, links, tasks, callbacks, log, options_, stage_}) {}

Core::~Core() { shut_down(); }

Result<std::string> Core::listen(std::string_view address) {
    if (stage_ >= Stage::stopping) return errc::closed;
    return links.listen(address);
}

std::error_code Core::run() {
    if (const auto error = life.run()) return error;
    shut_down();
    calls.set_loop_thread({});
    return {};
}

void Core::listen_to_signals(Life::OnTerminate what) {
    if (loop_) life.listen_to_signals(what);
}

void Core::post_after(std::chrono::milliseconds delay, std::function<void()> task) {
    const auto when = net::Clock::now() + delay;
    calls.post([this, when, task = std::move(task)]() mutable {
        if (stage_ != Stage::finished) tasks.run_at(when, std::move(task));
    });
}

void Core::shut_down() {
    if (!loop_) return;
    life.end_pools();
    outgoing.stop();
    calls.take();
    tasks.finish();
    writability.finish();
    life.finish();
    watch.stop();
    links.clear();
    loop_.reset();
}

void Core::execute(Call& call, std::string_view frame) {
    const auto& connection = call.to.connection;
    switch (call.what) {
        case Call::What::frame: return sends.append(call, frame);
        case Call::What::accept: return connections.apply_accept(connection, frame);
        case Call::What::close: return connections.apply_close(connection, frame, std::move(call.disconnect));
        case Call::What::pause:
            connection->pause_queued.store(false, std::memory_order_release);
            return connections.apply_pause(connection);
        case Call::What::wait: return writability.add(connection, std::move(call.waiter));
        case Call::What::task: return tasks.defer(std::move(call.task));
    }
}

}  // namespace trunkline
