#include "trunkline/protocol/lane/mark_barrier.hpp"

#include <catch2/catch.hpp>

using namespace trunkline::protocol;

namespace {

bool is_last(MarkBarrier& barrier, std::uint32_t lane, const Mark& mark, std::uint32_t existing) {
    const auto result = barrier.on_mark(lane, mark, existing);
    REQUIRE(result);
    return result.value();
}

}  // namespace

TEST_CASE("MarkBarrier: before any Mark nothing waits", "[protocol][lane]") {
    const MarkBarrier barrier(3);
    CHECK(barrier.lanes() == 3);
    CHECK(barrier.version() == 0);
    CHECK_FALSE(barrier.is_waiting());
    for (std::uint32_t lane = 0; lane < 4; ++lane) CHECK_FALSE(barrier.holds_back(lane));
}

TEST_CASE("MarkBarrier: growing, the old number holds until the Marks of the added lanes are there too",
          "[protocol][lane]") {
    MarkBarrier barrier(2);
    CHECK_FALSE(is_last(barrier, 1, {1, 4}, 4));
    CHECK(barrier.version() == 1);
    CHECK(barrier.is_waiting());
    CHECK(barrier.holds_back(1));
    CHECK_FALSE(barrier.holds_back(0));
    CHECK_FALSE(barrier.holds_back(3));
    CHECK_FALSE(is_last(barrier, 3, {1, 4}, 4));
    CHECK_FALSE(is_last(barrier, 0, {1, 4}, 4));
    CHECK(barrier.lanes() == 2);
    CHECK(barrier.holds_back(0));

    CHECK(is_last(barrier, 2, {1, 4}, 4));
    CHECK(barrier.lanes() == 4);
    CHECK_FALSE(barrier.is_waiting());
    for (std::uint32_t lane = 0; lane < 4; ++lane) CHECK_FALSE(barrier.holds_back(lane));
}

TEST_CASE("MarkBarrier: shrinking, the lanes that fall away have their Marks too", "[protocol][lane]") {
    MarkBarrier barrier(3);
    CHECK_FALSE(is_last(barrier, 0, {1, 1}, 3));
    CHECK_FALSE(is_last(barrier, 2, {1, 1}, 3));
    CHECK(barrier.holds_back(2));
    CHECK(barrier.lanes() == 3);
    CHECK(is_last(barrier, 1, {1, 1}, 3));
    CHECK(barrier.lanes() == 1);
    CHECK_FALSE(barrier.holds_back(2));
}

TEST_CASE("MarkBarrier: lanes beyond both numbers are of no concern", "[protocol][lane]") {
    MarkBarrier barrier(1);
    CHECK_FALSE(is_last(barrier, 0, {1, 2}, 5));
    CHECK_FALSE(barrier.holds_back(4));
    CHECK(barrier.on_mark(4, {1, 2}, 5).error() == errc::unexpected_frame);
    CHECK(is_last(barrier, 1, {1, 2}, 5));
}

TEST_CASE("MarkBarrier: one lane that stays one needs one Mark", "[protocol][lane]") {
    MarkBarrier barrier(1);
    CHECK(is_last(barrier, 0, {1, 1}, 1));
    CHECK(barrier.lanes() == 1);
    CHECK(barrier.version() == 1);
    CHECK_FALSE(barrier.holds_back(0));
}

TEST_CASE("MarkBarrier: one resize follows another", "[protocol][lane]") {
    MarkBarrier barrier(1);
    std::uint32_t version = 0;
    std::uint32_t before = 1;
    for (const std::uint32_t lanes : {3, 2, 2, 256, 1}) {
        const Mark mark{++version, lanes};
        const auto concerned = std::max(before, lanes);
        for (std::uint32_t lane = 0; lane < concerned; ++lane) {
            CAPTURE(version, lane);
            CHECK(barrier.lanes() == before);
            CHECK(is_last(barrier, lane, mark, concerned) == (lane + 1 == concerned));
            CHECK(barrier.holds_back(lane) == (lane + 1 != concerned));
        }
        CHECK(barrier.lanes() == lanes);
        CHECK(barrier.version() == version);
        before = lanes;
    }
}

TEST_CASE("MarkBarrier: a first Mark that cannot be", "[protocol][lane]") {
    struct Row {
        const char* name;
        std::uint32_t lane;
        Mark mark;
        std::uint32_t existing;
    };
    const auto row = GENERATE(values<Row>({
        {"version 0", 0, {0, 3}, 3},
        {"a version left out", 0, {2, 3}, 3},
        {"no lanes", 0, {1, 0}, 3},
        {"more lanes than there are", 0, {1, 4}, 3},
        {"fewer there than before", 0, {1, 1}, 1},
        {"on a lane that it does not concern", 3, {1, 3}, 4},
    }));
    CAPTURE(row.name);
    MarkBarrier barrier(2);
    CHECK(barrier.on_mark(row.lane, row.mark, row.existing).error() == errc::unexpected_frame);
}

TEST_CASE("MarkBarrier: a Mark that does not fit those on other lanes", "[protocol][lane]") {
    struct Row {
        const char* name;
        std::uint32_t lane;
        Mark mark;
    };
    const auto row = GENERATE(values<Row>({
        {"the version before", 1, {1, 3}},
        {"the version after", 1, {3, 3}},
        {"another number", 1, {2, 4}},
        {"twice on a lane", 0, {2, 3}},
        {"on a lane that it does not concern", 3, {2, 3}},
    }));
    CAPTURE(row.name);
    MarkBarrier barrier(2);
    REQUIRE_FALSE(is_last(barrier, 0, {1, 2}, 2));
    REQUIRE(is_last(barrier, 1, {1, 2}, 2));
    REQUIRE_FALSE(is_last(barrier, 0, {2, 3}, 4));
    CHECK(barrier.on_mark(row.lane, row.mark, 4).error() == errc::unexpected_frame);
}

TEST_CASE("MarkBarrier: a Mark does not come again once all are there", "[protocol][lane]") {
    MarkBarrier barrier(1);
    REQUIRE(is_last(barrier, 0, {1, 1}, 1));
    CHECK(barrier.on_mark(0, {1, 1}, 1).error() == errc::unexpected_frame);
}
