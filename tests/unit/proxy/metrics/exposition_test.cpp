#include "proxy/metrics/exposition.hpp"

#include "proxy/metrics/process_stats.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <sstream>

using namespace trunkline::proxy;
using namespace std::chrono_literals;

namespace {

std::set<std::string> lines_of(const std::string& text) {
    std::set<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.insert(line);
    return lines;
}

UpstreamSnapshot with_lanes(std::string address, unsigned up, unsigned all) {
    AppServerSnapshot app_server;
    app_server.address = std::move(address);
    app_server.lanes_up = up;
    app_server.lanes = all;
    return {.name = "chat", .was_linked = true, .app_servers = {app_server}};
}

}  // namespace

TEST_CASE("Exposition: the counters of all workers, added up", "[proxy][metrics]") {
    WorkerCounters first({"chat", "feed"});
    WorkerCounters second({"chat", "feed"});
    first.upstream("chat").connections.add(5);
    first.upstream("chat").connections.add(-2);
    second.upstream("chat").connections.add(4);
    second.upstream("feed").opens.add(7);
    first.refused(RefuseReason::origin).add(2);
    second.closes(CloseReason::outbox_full).add();
    first.count_message(Direction::to_app, 100);
    second.count_message(Direction::to_app, 11);
    second.count_message(Direction::to_client, 0);
    first.fanout_frames.add(3);
    first.late_frames.add(9);
    first.outbox_bytes.set(1000);
    second.outbox_bytes.set(24);
    second.ring_bytes.set(77);
    first.drops(DropReason::client_closing).add(6);
    first.loop_lag.record(300us);
    first.loop_lag.record(30ms);
    first.loop_lag.record(10s);
    first.upstream_board.publish(with_lanes("tcp://10.0.0.5:7000", 2, 3));
    second.upstream_board.publish(with_lanes("tcp://10.0.0.5:7000", 2, 2));

    const auto lines = lines_of(Exposition({&first, &second}, [] { return 12; }).text());
    for (const auto* line : {
             "# TYPE trunkline_connections gauge",
             R"(trunkline_connections{upstream="chat"} 7)",
             R"(trunkline_connections{upstream="feed"} 0)",
             "# TYPE trunkline_opens_total counter",
             R"(trunkline_opens_total{upstream="chat"} 0)",
             R"(trunkline_opens_total{upstream="feed"} 7)",
             R"(trunkline_refused_total{reason="origin"} 2)",
             R"(trunkline_refused_total{reason="no_app_server"} 0)",
             R"(trunkline_closes_total{by="proxy",reason="outbox_full"} 1)",
             R"(trunkline_closes_total{by="client",reason="client_closed"} 0)",
             R"(trunkline_messages_total{direction="to_app"} 2)",
             R"(trunkline_messages_total{direction="to_client"} 1)",
             R"(trunkline_message_bytes_total{direction="to_app"} 111)",
             "trunkline_fanout_frames_total 3",
             R"(trunkline_queue_bytes{queue="outbox"} 1024)",
             R"(trunkline_queue_bytes{queue="ring"} 77)",
             R"(trunkline_drops_total{reason="client_closing"} 6)",
             R"(trunkline_drops_total{reason="log_line"} 12)",
             "trunkline_late_frames_total 9",
             R"(trunkline_links{app_server="tcp://10.0.0.5:7000",state="up"} 4)",
             R"(trunkline_links{app_server="tcp://10.0.0.5:7000",state="down"} 1)",
             "# TYPE trunkline_loop_lag_seconds histogram",
             R"(trunkline_loop_lag_seconds_count{worker="0"} 3)",
             R"(trunkline_loop_lag_seconds_bucket{worker="0",le="0.0005"} 1)",
             R"(trunkline_loop_lag_seconds_bucket{worker="0",le="0.025"} 1)",
             R"(trunkline_loop_lag_seconds_bucket{worker="0",le="0.05"} 2)",
             R"(trunkline_loop_lag_seconds_bucket{worker="0",le="2.5"} 2)",
             R"(trunkline_loop_lag_seconds_bucket{worker="0",le="+Inf"} 3)",
             R"(trunkline_loop_lag_seconds_count{worker="1"} 0)",
             "# TYPE process_cpu_seconds_total counter",
         }) {
        CAPTURE(line);
        CHECK(lines.count(line) == 1);
    }
}

TEST_CASE("Exposition: every family is there before anything happened", "[proxy][metrics]") {
    const WorkerCounters worker({"chat"});
    const auto text = Exposition({&worker}).text();
    for (const auto* name :
         {"trunkline_connections", "trunkline_opens_total", "trunkline_refused_total", "trunkline_closes_total",
          "trunkline_messages_total", "trunkline_message_bytes_total", "trunkline_fanout_frames_total",
          "trunkline_queue_bytes", "trunkline_drops_total", "trunkline_late_frames_total", "trunkline_links",
          "trunkline_loop_lag_seconds", "trunkline_draining", "process_cpu_seconds_total",
          "process_resident_memory_bytes", "process_open_fds"}) {
        CAPTURE(name);
        CHECK(text.find("# TYPE " + std::string(name) + " ") != std::string::npos);
    }
}

TEST_CASE("process_stats: this process runs, has memory and descriptors", "[proxy][metrics]") {
    const auto stats = read_process_stats();
    CHECK(stats.cpu_seconds > 0);
    CHECK(stats.resident_bytes > 1 << 20);
    CHECK(stats.open_fds >= 3);
    CHECK(stats.open_fds < 10'000);
}
