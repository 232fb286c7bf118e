#include "tests/load/ledger.hpp"
#include "tests/load/send_logs.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <set>

using namespace trunkline::load;

TEST_CASE("ledger: what came is compared with what had to", "[load][ledger]") {
    struct Row {
        const char* name;
        std::vector<std::uint64_t> came;
        Range expected;
        std::uint64_t received, missing, doubled, out_of_order, uncertain;
    };
    const auto row = GENERATE(values<Row>({
        {"all", {0, 1, 2, 3}, {0, 4}, 4, 0, 0, 0, 0},
        {"nothing of nothing", {}, {0, 0}, 0, 0, 0, 0, 0},
        {"nothing", {}, {0, 4}, 0, 4, 0, 0, 0},
        {"the tail", {0, 1}, {0, 4}, 2, 2, 0, 0, 0},
        {"the head", {2, 3}, {0, 4}, 2, 2, 0, 0, 0},
        {"only the first and the fifth", {0, 4}, {0, 5}, 2, 3, 0, 0, 0},
        {"two gaps", {0, 2, 3, 5}, {0, 6}, 4, 2, 0, 0, 0},
        {"twice", {0, 1, 1, 2}, {0, 3}, 3, 0, 1, 0, 0},
        {"the last twice", {0, 1, 1}, {0, 2}, 2, 0, 1, 0, 0},
        {"swapped", {0, 2, 1, 3}, {0, 4}, 4, 0, 0, 1, 0},
        {"late into the middle of a gap", {0, 5, 3}, {0, 6}, 3, 3, 0, 1, 0},
        {"late to both ends of a gap", {0, 5, 1, 4}, {0, 6}, 4, 2, 0, 2, 0},
        {"late before the first", {3, 0, 4}, {0, 5}, 3, 2, 0, 1, 0},
        {"late and twice", {0, 2, 1, 1}, {0, 3}, 3, 0, 1, 1, 0},
        {"before it had joined", {5, 6, 7}, {6, 8}, 2, 0, 0, 0, 1},
        {"after it began to leave", {5, 6, 7}, {5, 7}, 2, 0, 0, 0, 1},
        {"a gap where nothing was expected", {3, 7, 8}, {7, 9}, 2, 0, 0, 0, 1},
    }));
    CAPTURE(row.name);
    Stream stream;
    for (const auto sequence : row.came) stream.receive(sequence);
    const Verdict verdict = stream.judge(row.expected);
    CHECK(verdict.expected == row.expected.size());
    CHECK(verdict.received == row.received);
    CHECK(verdict.missing == row.missing);
    CHECK(verdict.doubled == row.doubled);
    CHECK(verdict.out_of_order == row.out_of_order);
    CHECK(verdict.uncertain == row.uncertain);
    CHECK(verdict.is_clean() == (row.missing + row.doubled + row.out_of_order == 0));
}

TEST_CASE("ledger: agrees with a set, whatever comes", "[load][ledger]") {
    std::mt19937 random(7);
    for (int round = 0; round < 2000; ++round) {
        Stream stream;
        std::set<std::uint64_t> seen;
        std::uint64_t highest = 0, doubled = 0, late = 0;
        for (int i = 0; i < 40; ++i) {
            const std::uint64_t sequence = random() % 50;
            if (!seen.insert(sequence).second) {
                ++doubled;
            } else if (seen.size() > 1 && sequence < highest) {
                ++late;
            }
            highest = std::max(highest, sequence);
            stream.receive(sequence);
        }
        const Range expected{random() % 50, 0};
        const Range range{expected.begin, expected.begin + random() % 20};
        const auto in_range = static_cast<std::uint64_t>(
            std::count_if(seen.begin(), seen.end(), [&](std::uint64_t s) { return range.contains(s); }));
        const Verdict verdict = stream.judge(range);
        REQUIRE(verdict.received == in_range);
        REQUIRE(verdict.missing == range.size() - in_range);
        REQUIRE(verdict.uncertain == seen.size() - in_range);
        REQUIRE(verdict.doubled == doubled);
        REQUIRE(verdict.out_of_order == late);
    }
}

TEST_CASE("ledger: a receiver had to get what was sent while it was a member", "[load][ledger]") {
    SendLog log;
    for (const std::int64_t at : {10, 20, 20, 30, 40}) log.sent(at);
    const auto check = [&](std::int64_t from, std::int64_t until, std::uint64_t begin, std::uint64_t end) {
        const Range range = log.between(from, until);
        CHECK(range.begin == begin);
        CHECK(range.end == end);
    };
    check(0, 100, 0, 5);
    check(20, 40, 1, 4);
    check(21, 40, 3, 4);
    check(50, 100, 5, 5);
    check(30, 20, 3, 3);  // it left before it had joined
}

TEST_CASE("send logs: parts of a run, told to one another, are one", "[load][ledger]") {
    SendLog first, second;
    for (const std::int64_t at : {10, 20, 30}) first.sent(at);
    second.sent(15);
    SendLogs here, there;
    here.add(1, first);
    there.add(2, second);
    here.merge(SendLogs::deserialize(there.serialize()));
    SendLogs all = SendLogs::deserialize(here.serialize());
    REQUIRE(all.log_of(1) != nullptr);
    REQUIRE(all.log_of(2) != nullptr);
    CHECK(all.log_of(3) == nullptr);
    CHECK(all.log_of(1)->between(15, 100).size() == 2);
    CHECK(all.log_of(2)->time_of(0) == 15);
    all.cut(1, 1);
    all.cut(2, 5);
    all.cut(3, 0);
    CHECK(all.log_of(1)->count() == 1);
    CHECK(all.log_of(2)->count() == 1);
    const auto bytes = here.serialize();
    CHECK_THROWS(SendLogs::deserialize(std::string_view(bytes).substr(0, bytes.size() - 1)));
}

TEST_CASE("heard: the farthest that anybody heard counts", "[load][ledger]") {
    Heard here, there;
    here.hear(1, 5);
    here.hear(1, 3);
    there.hear(1, 7);
    there.hear(2, 1);
    there.closed.insert(2);
    here.merge(Heard::deserialize(there.serialize()));
    CHECK(here.end_of(1) == 7);
    CHECK(here.end_of(2) == 1);
    CHECK(here.end_of(3) == 0);
    CHECK(here.closed == std::set<std::uint32_t>{2});
    const auto bytes = there.serialize();
    CHECK_THROWS(Heard::deserialize(std::string_view(bytes).substr(0, bytes.size() - 1)));
}
