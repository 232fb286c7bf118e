#include "proxy/daemon/proxy_status.hpp"

#include <catch2/catch.hpp>

using namespace trunkline::proxy;
using namespace std::chrono_literals;

TEST_CASE("ProxyStatus: healthy while every worker turned within ten seconds", "[proxy][admin]") {
    WorkerCounters first({"chat"});
    WorkerCounters second({"chat"});
    auto now = ProxyStatus::Clock::now();
    ProxyStatus status({&first, &second}, [&] { return now; });
    first.on_turn(now);
    second.on_turn(now);
    CHECK(status.health().ok);
    now += 10s;
    CHECK(status.health().ok);
    first.on_turn(now);
    now += 1ms;
    const auto answer = status.health();
    CHECK_FALSE(answer.ok);
    CHECK(answer.body == "worker 1 has not turned for 10 s\n");
    second.on_turn(now);
    CHECK(status.health().ok);
}

TEST_CASE("ProxyStatus: draining ends readiness", "[proxy][admin]") {
    WorkerCounters worker({"chat"});
    ProxyStatus status({&worker});
    CHECK_FALSE(status.readiness().ok);
    worker.upstream_board.publish({.name = "chat", .was_linked = true, .app_servers = {}});
    CHECK(status.readiness().ok);
    CHECK(status.metrics().find("trunkline_draining 0\n") != std::string::npos);
    status.set_draining();
    CHECK_FALSE(status.readiness().ok);
    CHECK(status.metrics().find("trunkline_draining 1\n") != std::string::npos);
    CHECK(status.metrics().find("trunkline_connections{upstream=\"chat\"} 0") != std::string::npos);
}

TEST_CASE("ProxyStatus: counts the connections of all workers and upstreams", "[proxy][admin]") {
    WorkerCounters first({"chat", "feed"});
    WorkerCounters second({"chat", "feed"});
    ProxyStatus status({&first, &second});
    CHECK(status.connections() == 0);
    first.upstream("chat").connections.add(3);
    first.upstream("feed").connections.add(4);
    second.upstream("feed").connections.add(5);
    CHECK(status.connections() == 12);
    second.upstream("feed").connections.add(-5);
    CHECK(status.connections() == 7);
}
