// The resize model's schedules: many at random, and with each mutant until one of them notices.
//
// TRUNKLINE_MODEL_RUNS sets how many schedules run (default 2000), TRUNKLINE_MODEL_SEED the first seed (default: drawn
// and printed).
#include "tests/unit/protocol/resize_model.hpp"

#include <catch2/catch.hpp>

#include <iostream>

using namespace trunkline::protocol::model;
using trunkline::test::first_seed;
using trunkline::test::number_from_environment;

namespace {

std::string run(const ResizeSchedule& schedule) {
    try {
        ResizeModel(schedule).run();
        return {};
    } catch (const Violation& violation) {
        return violation.what;
    }
}

}  // namespace

TEST_CASE("Resize: random schedules keep every promise", "[protocol][lane][model]") {
    const auto runs = number_from_environment("TRUNKLINE_MODEL_RUNS", 2000);
    std::cout << "resize model: " << runs << " schedules from seed " << first_seed() << '\n';
    for (std::uint64_t i = 0; i < runs; ++i) {
        const ResizeSchedule schedule{first_seed() + i, ResizeMutant::none, i % 2 == 1};
        const auto violation = run(schedule);
        if (!violation.empty())
            FAIL("seed " << schedule.seed << (schedule.has_cuts ? ", with cuts: " : ": ") << violation);
    }
    SUCCEED();
}

TEST_CASE("Resize: a broken rule is caught by some schedule", "[protocol][lane][model]") {
    struct Row {
        const char* name;
        ResizeMutant mutant;
        bool has_cuts = false;
    };
    const auto row = GENERATE(values<Row>({
        {"no barrier", ResizeMutant::no_barrier},
        {"Marks only on the lanes that are added", ResizeMutant::marks_on_added_lanes},
        {"Marks only on the lanes of before", ResizeMutant::marks_on_lanes_before},
        {"Marks only on the lanes that stay", ResizeMutant::marks_on_lanes_after},
        {"fan-outs by the new number before the Marks", ResizeMutant::fan_out_by_first_mark},
        {"the new number from the first Mark on", ResizeMutant::number_by_first_mark},
        {"the old number for the rest of a chunk", ResizeMutant::number_of_the_chunk},
        {"Marks before the added lanes have links", ResizeMutant::mark_before_attached},
        {"a lane is dropped when its link ends", ResizeMutant::drop_when_link_ends, true},
        {"the next resize before all lanes fell away", ResizeMutant::resize_before_all_fell},
        {"a lane falls with an open request", ResizeMutant::fall_with_open_request},
        {"a lane falls with frames that are not acknowledged", ResizeMutant::fall_unacknowledged},
        {"a new lane falls while Marks miss", ResizeMutant::fall_while_marks_miss},
        {"a new lane falls before it is used", ResizeMutant::fall_when_new},
        {"opened chans are known by lane", ResizeMutant::opened_by_lane},
        {"a call of another thread passes a Mark", ResizeMutant::call_before_owed_mark},
        {"what waited behind Marks is forgotten", ResizeMutant::waiting_is_forgotten},
        {"messages are handed on lane by lane", ResizeMutant::hand_on_by_lane},
        {"messages are handed on that were handled before others that are not", ResizeMutant::hand_on_handled},
    }));
    CAPTURE(row.name);
    for (std::uint64_t i = 0; i < 2000; ++i) {
        const auto violation = run({first_seed() + i, row.mutant, row.has_cuts});
        if (violation.empty()) continue;
        SUCCEED("seed " << first_seed() + i << ": " << violation);
        return;
    }
    FAIL("2000 schedules from seed " << first_seed() << " did not notice");
}
