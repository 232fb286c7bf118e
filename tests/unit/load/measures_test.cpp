#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

#include "tests/load/expect.hpp"
#include "tests/load/histogram.hpp"
#include "tests/load/progress_line.hpp"
#include "tests/load/result.hpp"
#include "tests/load/schedule.hpp"
#include "tests/load/server_side.hpp"
#include "tests/load/stamp.hpp"

using namespace trunkline::load;

TEST_CASE("histogram: every value is in a bucket that is 1.6 % wide at most", "[load][histogram]") {
    for (std::uint64_t power = 0; power < 63; ++power) {
        for (const std::uint64_t value : {(1ull << power) - 1, 1ull << power, (1ull << power) + (1ull << power) / 3}) {
            const auto bucket = Histogram::bucket_of(value);
            REQUIRE(bucket < Histogram::kBuckets);
            REQUIRE(Histogram::end_of(bucket) >= value);
            REQUIRE((bucket == 0 || Histogram::end_of(bucket - 1) < value));
            REQUIRE(static_cast<double>(Histogram::end_of(bucket) - value) <= 0.016 * static_cast<double>(value));
        }
    }
}

TEST_CASE("histogram: percentiles are those of the samples, also merged", "[load][histogram]") {
    std::mt19937 random(3);
    std::vector<std::int64_t> all;
    Histogram parts[3];
    for (int i = 0; i < 30'000; ++i) {
        const auto value = static_cast<std::int64_t>(random() % (1u << (i % 31)));
        all.push_back(value);
        parts[i % 3].record(value);
    }
    Histogram merged;
    for (const auto& part : parts) merged.merge(part);
    std::sort(all.begin(), all.end());
    CHECK(merged.count() == all.size());
    CHECK(merged.max() == all.back());
    CHECK(merged.percentile(1) == all.back());
    for (const double p : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999}) {
        const auto exact = all[std::min(all.size() - 1, static_cast<std::size_t>(p * static_cast<double>(all.size())))];
        CAPTURE(p, exact);
        CHECK(merged.percentile(p) >= static_cast<std::int64_t>(0.98 * static_cast<double>(exact)));
        CHECK(merged.percentile(p) <= static_cast<std::int64_t>(1.02 * static_cast<double>(exact)) + 1);
    }
    CHECK(Histogram().percentile(0.5) == 0);
}

TEST_CASE("schedule: all senders together are even", "[load][schedule]") {
    std::vector<std::int64_t> due;
    for (std::uint64_t sender = 0; sender < 7; ++sender) {
        const Schedule schedule(1'000'000, 1000, sender, 7);
        for (std::uint64_t i = 0; i < 100; ++i) due.push_back(schedule.due_ns(i));
    }
    std::sort(due.begin(), due.end());
    CHECK(due.front() == 1'000'000);
    for (std::size_t i = 1; i < due.size(); ++i) {
        REQUIRE(due[i] - due[i - 1] >= 999'990);
        REQUIRE(due[i] - due[i - 1] <= 1'000'010);
    }
}

TEST_CASE("stamp: reads what it wrote, and nothing else", "[load][stamp]") {
    const Stamp stamp{'m', 0xfedcba98, 7, 0x123456789abcdef0, 42};
    const auto text = to_text(stamp, 100);
    CHECK(text.size() == 100);
    const auto read = parse_stamp(text);
    REQUIRE(read);
    CHECK(read->what == 'm');
    CHECK(read->run == stamp.run);
    CHECK(read->sender == 7);
    CHECK(read->sequence == stamp.sequence);
    CHECK(read->due_ns == 42);
    CHECK(to_text(stamp, 0).size() == Stamp::kBytes);
    CHECK_FALSE(parse_stamp(text.substr(0, Stamp::kBytes - 1)));
    CHECK_FALSE(parse_stamp(std::string(60, 'x')));
    CHECK_FALSE(parse_stamp(""));
}

TEST_CASE("stamp: padding is whole if it is as long, and all of it x", "[load][stamp]") {
    for (const std::size_t size : {Stamp::kBytes, Stamp::kBytes + 1, Stamp::kBytes + 2, std::size_t{70'000}}) {
        CAPTURE(size);
        const auto text = to_text({}, size);
        CHECK(is_padded(text, Stamp::kBytes, size));
        CHECK_FALSE(is_padded(text, Stamp::kBytes, size + 1));
        CHECK_FALSE(is_padded(text + "x", Stamp::kBytes, size));
        for (const std::size_t at : {Stamp::kBytes, size / 2, size - 1}) {
            if (at < Stamp::kBytes || at >= size) continue;
            auto changed = text;
            changed[at] = 'y';
            CHECK_FALSE(is_padded(changed, Stamp::kBytes, size));
        }
    }
    CHECK_FALSE(is_padded(std::string(100, 'y'), Stamp::kBytes, 100));
}

TEST_CASE("expect: thresholds are read, and what is wrong is said", "[load][expect]") {
    std::vector<Expectation> all;
    CHECK_FALSE(parse_expectations("p99<50ms, missing=0,rate>=1000 ,p99.9<=1.5s", all));
    REQUIRE(all.size() == 4);
    const auto measure = [](const std::string& name) { return name == "p99" ? 60e6 : name == "rate" ? 1000 : 0.0; };
    const auto wrong = unmet(all, measure);
    REQUIRE(wrong.size() == 1);
    CHECK(wrong[0].find("p99<50ms") != std::string::npos);
    CHECK(wrong[0].find("60.0 ms") != std::string::npos);
    for (const auto* text :
         {"p99", "p99<", "p99<50", "p99<fast", "missing=none", "happiness>3", "=3", "p99<50ms,,", "rate<1x"}) {
        CAPTURE(text);
        std::vector<Expectation> none;
        CHECK(parse_expectations(text, none));
    }
}

TEST_CASE("expect: durations have a unit", "[load][expect]") {
    CHECK(parse_duration("1.5ms") == 1.5e6);
    CHECK(parse_duration(" 10s ") == 10e9);
    CHECK(parse_duration("2m") == 120e9);
    CHECK(parse_duration("7us") == 7e3);
    for (const auto* text : {"", "5", "ms", "-1s", "1e3s", "1h", "1..5s", "s5"}) CHECK_FALSE(parse_duration(text));
}

TEST_CASE("result: a shard's is the same on the other side of a pipe", "[load][result]") {
    Result result;
    result.verdict = {9, 8, 1, 2, 3, 4, 5, 6};
    result.connected = 10;
    result.received = 77;
    result.own_cpu = 0.5;
    result.own_connect_cpu = 0.25;
    result.seconds.resize(3);
    result.seconds[1].sent = 5;
    result.seconds[1].changed = 4;
    result.seconds[2].changed = 3;
    for (const std::int64_t value : std::initializer_list<std::int64_t>{1, 100, 1'000'000, 1'000'001, 5'000'000'000}) {
        result.latency.record(value);
        result.seconds[1].latency.record(value);
    }
    result.closed.add(CloseWhy::by_server, 1012, 3);
    const auto copy = deserialize(serialize(result));
    CHECK(copy.verdict.missing == 1);
    CHECK(copy.verdict.uncertain == 6);
    CHECK(copy.connected == 10);
    CHECK(copy.received == 77);
    CHECK(copy.own_cpu == 0.5);
    CHECK(copy.own_connect_cpu == 0.25);
    CHECK(copy.seconds.at(1).sent == 5);
    CHECK(copy.changed() == 7);
    CHECK(copy.closed.total() == 3);
    CHECK(copy.latency.count() == 5);
    CHECK(copy.latency.max() == 5'000'000'000);
    for (const double p : {0.1, 0.5, 0.9}) CHECK(copy.latency.percentile(p) == result.latency.percentile(p));
    const auto bytes = serialize(result);
    CHECK_THROWS(deserialize(std::string_view(bytes).substr(0, bytes.size() / 2)));
}

TEST_CASE("server side: a metric is found by its whole name", "[load][server]") {
    const std::string page =
        "# HELP a_total x\n# TYPE a_total counter\na_total_more 1\na_total 2.5\na_total{x=\"1\"} 3\n";
    CHECK(metric_value(page, "a_total") == 2.5);
    CHECK_FALSE(metric_value(page, "total"));
    CHECK_FALSE(metric_value(page, "nothing"));
}

TEST_CASE("progress: one line says what came since the last", "[load][progress]") {
    Progress from, to;
    from.sent = 1000;
    from.received = 900;
    to.connected = 12'345;
    to.sent = 3000;
    to.received = 2900;
    to.errors = 2;
    to.failed = 1;
    CHECK(ProgressLine::text("connecting", {}, Progress{}, 1) == "connecting: 0 clients, 0 errors");
    for (int i = 0; i < 99; ++i) to.latency.record(1'000'000);
    to.latency.record(8'000'000);
    const auto copy = deserialize_progress(serialize(to));
    const auto text = ProgressLine::text("echo 3/10 s", from, copy, 2);
    CHECK(text.find("12,345 clients, sent 1,000/s, received 1,000/s, p50 1.0") != std::string::npos);
    CHECK(text.find("3 errors") != std::string::npos);
}
