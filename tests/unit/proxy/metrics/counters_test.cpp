#include "proxy/metrics/counters.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace trunkline::proxy;
using namespace std::chrono_literals;

TEST_CASE("LagHistogram: a lag on a bound falls into that bound's bucket", "[proxy][metrics]") {
    struct Row {
        std::chrono::nanoseconds lag;
        std::size_t bucket;
    };
    const auto row = GENERATE(values<Row>(
        {{-5ms, 0}, {0ns, 0}, {500us, 0}, {500001ns, 1}, {1ms, 1}, {100ms, 7}, {2500ms, 11}, {2501ms, 12}, {1h, 12}}));
    CAPTURE(row.lag.count());
    LagHistogram histogram;
    histogram.record(row.lag);
    for (std::size_t i = 0; i <= LagHistogram::kBounds.size(); ++i) CHECK(histogram.count(i) == (i == row.bucket));
    CHECK(histogram.sum_seconds() >= 0);
}

template <class Reason>
static void check_labels(std::size_t count) {
    std::set<std::string_view> labels;
    for (std::size_t i = 0; i < count; ++i) {
        const auto label = to_string(static_cast<Reason>(i));
        CAPTURE(i, label);
        CHECK(labels.insert(label).second);
        CHECK(label.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
    }
}

TEST_CASE("reasons: each has a label of its own", "[proxy][metrics]") {
    check_labels<RefuseReason>(kRefuseReasonCount);
    check_labels<DropReason>(kDropReasonCount);
    check_labels<Direction>(kDirectionCount);
}

TEST_CASE("UpstreamBoard: the last publication of each upstream is read", "[proxy][metrics]") {
    UpstreamBoard board;
    CHECK(board.read().empty());
    board.publish({.name = "b", .was_linked = false, .app_servers = {}});
    board.publish({.name = "a", .was_linked = false, .app_servers = {}});
    board.publish({.name = "b", .was_linked = true, .app_servers = {}});
    const auto upstreams = board.read();
    REQUIRE(upstreams.size() == 2);
    CHECK(upstreams[0].name == "b");
    CHECK(upstreams[0].was_linked);
    CHECK_FALSE(upstreams[1].was_linked);
}

TEST_CASE("WorkerCounters: an upstream is found by its name, or made, and stays where it is", "[proxy][metrics]") {
    WorkerCounters counters({"a"});
    UpstreamCounters& a = counters.upstream("a");
    for (int i = 0; i < 1000; ++i) counters.upstream("later " + std::to_string(i)).opens.add(2);
    CHECK(&counters.upstream("a") == &a);
    a.opens.add();
    std::uint64_t opens = 0;
    std::size_t upstreams = 0;
    counters.for_each_upstream([&](const std::string&, const UpstreamCounters& each) {
        opens += each.opens.value();
        ++upstreams;
    });
    CHECK(upstreams == 1001);
    CHECK(opens == 2001);
}
