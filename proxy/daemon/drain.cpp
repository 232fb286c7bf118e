#include "proxy/daemon/drain.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "proxy/daemon/systemd.hpp"
#include "proxy/log/logging.hpp"

namespace trunkline::proxy {

namespace {

using namespace std::chrono_literals;

constexpr auto kReportEvery = 1s;

}  // namespace

Drain::Drain(net::asio::io_context& context, std::shared_ptr<const Generation> generation, ProxyStatus& status,
             const std::vector<std::unique_ptr<Worker>>& workers, std::function<void()> on_drained)
    : context_(context),
      generation_(std::move(generation)),
      status_(status),
      workers_(workers),
      on_drained_(std::move(on_drained)),
      timer_(context.get_executor()) {}

void Drain::begin() {
    if (std::exchange(has_begun_, true)) return;
    status_.set_draining();
    notify_systemd("STOPPING=1");
    if (generation_->settings.pre_stop_delay.count() == 0) return drain_workers(Listener::Waiting::take);
    log_info("not ready any more, still serving", {{"for_ms", generation_->settings.pre_stop_delay.count()}});
    timer_.expires_after(generation_->settings.pre_stop_delay);
    timer_.async_wait([this](const boost::system::error_code& ec) {
        if (!ec) drain_workers(Listener::Waiting::take);
    });
}

void Drain::begin_handed_over() {
    if (std::exchange(has_begun_, true)) return;
    is_handed_over_ = true;
    drain_workers(Listener::Waiting::leave);  // still ready, to whoever asked us last: the address is served
}

void Drain::drain_workers(Listener::Waiting waiting) {
    log_info("draining",
             {{"connections", status_.connections()}, {"over_ms", generation_->settings.drain_timeout.count()}});
    ends_ = net::Clock::now() + generation_->settings.drain_timeout;
    draining_ = workers_.size();
    for (const auto& worker : workers_) {
        worker->drain(waiting, [this] {
            net::asio::post(context_, [this] {
                if (--draining_ == 0) on_drained_();
            });
        });
    }
    report();
}

void Drain::report() {
    timer_.expires_after(kReportEvery);
    timer_.async_wait([this](const boost::system::error_code& ec) {
        if (ec) return;
        const auto left = std::chrono::duration_cast<config::milliseconds>(ends_ - net::Clock::now());
        const auto connections = status_.connections();
        log_info("draining", {{"connections", connections}, {"left_ms", std::max(left, 0ms).count()}});
        if (!is_handed_over_) notify_systemd("STATUS=draining, connections left: " + std::to_string(connections));
        report();
    });
}

}  // namespace trunkline::proxy
