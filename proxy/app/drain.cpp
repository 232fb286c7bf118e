#include "proxy/app/drain.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/log/logging.hpp"

namespace trunkline::proxy {

namespace {

using namespace std::chrono_literals;

constexpr auto kReportEvery = 1s;

}  // namespace

Drain::Drain(net::asio::io_context& context, const config::Settings& settings, ProxyStatus& status,
             const std::vector<std::unique_ptr<Worker>>& workers, std::function<void()> on_drained)
    : context_(context),
      settings_(settings),
      status_(status),
      workers_(workers),
      on_drained_(std::move(on_drained)),
      timer_(context.get_executor()) {}

void Drain::begin() {
    status_.set_draining();
    if (settings_.pre_stop_delay.count() == 0) return drain_workers();
    log_info("not ready any more, still serving", {{"for_ms", settings_.pre_stop_delay.count()}});
    timer_.expires_after(settings_.pre_stop_delay);
    timer_.async_wait([this](const boost::system::error_code& ec) {
        if (!ec) drain_workers();
    });
}

void Drain::drain_workers() {
    log_info("draining", {{"connections", status_.connections()}, {"over_ms", settings_.drain_timeout.count()}});
    ends_ = net::Clock::now() + settings_.drain_timeout;
    draining_ = workers_.size();
    for (const auto& worker : workers_) {
        worker->drain([this] {
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
        log_info("draining", {{"connections", status_.connections()}, {"left_ms", std::max(left, 0ms).count()}});
        report();
    });
}

}  // namespace trunkline::proxy
