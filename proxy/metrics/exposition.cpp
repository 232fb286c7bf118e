#include "proxy/metrics/exposition.hpp"

#include "proxy/metrics/process_stats.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <string_view>
#include <utility>

namespace trunkline::proxy {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

ClientMetric::Label label(std::string name, std::string_view value) { return {std::move(name), std::string(value)}; }

MetricFamily family(std::string name, std::string help, MetricType type) {
    return {std::move(name), std::move(help), type, {}};
}

void add(MetricFamily& family, Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (family.type == MetricType::Counter) {
        metric.counter.value = value;
    } else {
        metric.gauge.value = value;
    }
    family.metric.push_back(std::move(metric));
}

// Adds up what `number` finds in each worker. Doubles are exact up to 2^53, which is what Prometheus keeps anyway.
template <class Number>
double sum(const std::vector<const WorkerCounters*>& workers, Number number) {
    double total = 0;
    for (const auto* worker : workers) total += static_cast<double>(number(*worker));
    return total;
}

MetricFamily single(std::string name, std::string help, MetricType type, double value) {
    auto result = family(std::move(name), std::move(help), type);
    add(result, {}, value);
    return result;
}

// Workers that know an app server each have lanes to it; it has one line per state.
MetricFamily links(const std::vector<const WorkerCounters*>& workers) {
    struct Lanes {
        unsigned up = 0;
        unsigned all = 0;
    };
    std::map<std::string, Lanes> app_servers;
    for (const auto* worker : workers) {
        for (const auto& upstream : worker->upstream_board.read()) {
            for (const auto& app_server : upstream.app_servers) {
                auto& lanes = app_servers[app_server.address];
                lanes.up += app_server.lanes_up;
                lanes.all += app_server.lanes;
            }
        }
    }
    auto result = family("trunkline_links", "Links to each app server, by state", MetricType::Gauge);
    for (const auto& [address, lanes] : app_servers) {
        const unsigned down = lanes.all > lanes.up ? lanes.all - lanes.up : 0;
        add(result, {label("app_server", address), label("state", "up")}, lanes.up);
        add(result, {label("app_server", address), label("state", "down")}, down);
    }
    return result;
}

MetricFamily loop_lag(const std::vector<const WorkerCounters*>& workers) {
    auto result =
        family("trunkline_loop_lag_seconds", "How late the timer ticks of each worker ran", MetricType::Histogram);
    for (std::size_t i = 0; i < workers.size(); ++i) {
        const auto& lag = workers[i]->loop_lag;
        ClientMetric metric;
        metric.label = {label("worker", std::to_string(i))};
        std::uint64_t below = 0;
        for (std::size_t bucket = 0; bucket < LagHistogram::kBounds.size(); ++bucket) {
            below += lag.count(bucket);
            metric.histogram.bucket.push_back({below, LagHistogram::kBounds[bucket]});
        }
        metric.histogram.sample_count = below + lag.count(LagHistogram::kBounds.size());
        metric.histogram.sample_sum = lag.sum_seconds();
        result.metric.push_back(std::move(metric));
    }
    return result;
}

void append_connections(std::vector<MetricFamily>& out, const std::vector<const WorkerCounters*>& workers) {
    auto connections = family("trunkline_connections", "Connections that are open", MetricType::Gauge);
    auto opens = family("trunkline_opens_total", "Connections accepted", MetricType::Counter);
    struct Upstream {
        double connections = 0;
        double opens = 0;
    };
    std::map<std::string, Upstream> upstreams;
    for (const auto* worker : workers) {
        worker->for_each_upstream([&](const std::string& name, const UpstreamCounters& counters) {
            upstreams[name].connections += static_cast<double>(counters.connections.value());
            upstreams[name].opens += static_cast<double>(counters.opens.value());
        });
    }
    for (const auto& [name, upstream] : upstreams) {
        add(connections, {label("upstream", name)}, upstream.connections);
        add(opens, {label("upstream", name)}, upstream.opens);
    }
    out.push_back(std::move(connections));
    out.push_back(std::move(opens));

    auto refused = family("trunkline_refused_total", "Requests that did not become a connection", MetricType::Counter);
    for (std::size_t i = 0; i < kRefuseReasonCount; ++i) {
        const auto reason = static_cast<RefuseReason>(i);
        add(refused, {label("reason", to_string(reason))},
            sum(workers, [&](const WorkerCounters& worker) { return worker.refused(reason).value(); }));
    }
    out.push_back(std::move(refused));

    auto closes = family("trunkline_closes_total", "Connections that ended, by side and reason", MetricType::Counter);
    for (const auto& row : close_reasons()) {
        add(closes, {label("by", to_string(row.by)), label("reason", row.label)},
            sum(workers, [&](const WorkerCounters& worker) { return worker.closes(row.reason).value(); }));
    }
    out.push_back(std::move(closes));
}

void append_messages(std::vector<MetricFamily>& out, const std::vector<const WorkerCounters*>& workers) {
    auto messages =
        family("trunkline_messages_total", "Messages of clients, each copy of a fan-out counted", MetricType::Counter);
    auto bytes = family("trunkline_message_bytes_total", "Payload of these messages", MetricType::Counter);
    for (const auto direction : {Direction::to_app, Direction::to_client}) {
        add(messages, {label("direction", to_string(direction))},
            sum(workers, [&](const WorkerCounters& worker) { return worker.messages(direction); }));
        add(bytes, {label("direction", to_string(direction))},
            sum(workers, [&](const WorkerCounters& worker) { return worker.message_bytes(direction); }));
    }
    out.push_back(std::move(messages));
    out.push_back(std::move(bytes));
    out.push_back(single("trunkline_fanout_frames_total", "Fan-out frames (group, user, all) taken from links",
                         MetricType::Counter,
                         sum(workers, [](const WorkerCounters& worker) { return worker.fanout_frames.value(); })));
}

void append_queues(std::vector<MetricFamily>& out, const std::vector<const WorkerCounters*>& workers,
                   std::uint64_t dropped_log_lines) {
    auto queues = family("trunkline_queue_bytes", "Bytes that wait: for clients, for acknowledgement by app servers",
                         MetricType::Gauge);
    add(queues, {label("queue", "outbox")},
        sum(workers, [](const WorkerCounters& worker) { return worker.outbox_bytes.value(); }));
    add(queues, {label("queue", "ring")},
        sum(workers, [](const WorkerCounters& worker) { return worker.ring_bytes.value(); }));
    out.push_back(std::move(queues));

    auto drops =
        family("trunkline_drops_total", "Messages that were not passed on, and log lines lost", MetricType::Counter);
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
        const auto reason = static_cast<DropReason>(i);
        add(drops, {label("reason", to_string(reason))},
            sum(workers, [&](const WorkerCounters& worker) { return worker.drops(reason).value(); }));
    }
    add(drops, {label("reason", "log_line")}, static_cast<double>(dropped_log_lines));
    out.push_back(std::move(drops));
    out.push_back(single("trunkline_late_frames_total", "Frames for connections that had ended", MetricType::Counter,
                         sum(workers, [](const WorkerCounters& worker) { return worker.late_frames.value(); })));
}

void append_faults(std::vector<MetricFamily>& out, const std::vector<const WorkerCounters*>& workers) {
    const auto counter = [&](const char* name, const char* help, Counter WorkerCounters::*member) {
        out.push_back(single(name, help, MetricType::Counter,
                             sum(workers, [&](const WorkerCounters& worker) { return (worker.*member).value(); })));
    };
    counter("trunkline_links_lost_total", "Links that were lost under a pool", &WorkerCounters::links_lost);
    counter("trunkline_links_resumed_total", "Links that took up a lane again", &WorkerCounters::links_resumed);
    counter("trunkline_pools_ended_total", "Pools that were up and ended", &WorkerCounters::pools_ended);
    counter("trunkline_redelivered_total", "Messages handed on that a lost app server may have handled",
            &WorkerCounters::redelivered);
    const auto gauge = [&](const char* name, const char* help, Gauge WorkerCounters::*member) {
        out.push_back(single(name, help, MetricType::Gauge,
                             sum(workers, [&](const WorkerCounters& worker) { return (worker.*member).value(); })));
    };
    gauge("trunkline_open_record_bytes", "Requests kept to open connections at another app server",
          &WorkerCounters::open_record_bytes);
    gauge("trunkline_held_connections", "Connections that wait for an app server", &WorkerCounters::held_connections);
    gauge("trunkline_held_messages", "Messages of those connections that are kept for it",
          &WorkerCounters::held_messages);
    gauge("trunkline_held_bytes", "Memory that those messages take", &WorkerCounters::held_bytes);
}

void append_process(std::vector<MetricFamily>& out) {
    const auto stats = read_process_stats();
    out.push_back(
        single("process_cpu_seconds_total", "User and system CPU time", MetricType::Counter, stats.cpu_seconds));
    out.push_back(single("process_resident_memory_bytes", "Resident memory", MetricType::Gauge,
                         static_cast<double>(stats.resident_bytes)));
    out.push_back(
        single("process_open_fds", "Open file descriptors", MetricType::Gauge, static_cast<double>(stats.open_fds)));
}

}  // namespace

Exposition::Exposition(std::vector<const WorkerCounters*> workers, std::function<std::uint64_t()> dropped_log_lines,
                       std::function<bool()> is_draining)
    : workers_(std::move(workers)),
      dropped_log_lines_(std::move(dropped_log_lines)),
      is_draining_(std::move(is_draining)) {}

std::string Exposition::text() const {
    std::vector<MetricFamily> families;
    append_connections(families, workers_);
    append_messages(families, workers_);
    append_queues(families, workers_, dropped_log_lines_());
    append_faults(families, workers_);
    families.push_back(links(workers_));
    families.push_back(loop_lag(workers_));
    families.push_back(single("trunkline_draining", "1 from the moment on at which this proxy was told to stop",
                              MetricType::Gauge, is_draining_() ? 1 : 0));
    append_process(families);
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace trunkline::proxy
