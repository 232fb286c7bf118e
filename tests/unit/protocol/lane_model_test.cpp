// The lane model's schedules: many at random, and with each mutant until one of them notices.
//
// TRUNKLINE_MODEL_RUNS sets how many schedules run (default 2000), TRUNKLINE_MODEL_SEED the first seed (default: drawn
// and printed).
#include "tests/unit/protocol/lane_model.hpp"

#include <catch2/catch.hpp>

#include <iostream>

using namespace trunkline::protocol::model;
using trunkline::test::first_seed;
using trunkline::test::number_from_environment;

namespace {

std::string run(const Schedule& schedule) {
    try {
        Model(schedule).run();
        return {};
    } catch (const Violation& violation) {
        return violation.what;
    }
}

}  // namespace

TEST_CASE("Lane: random schedules keep every promise", "[protocol][lane][model]") {
    const auto runs = number_from_environment("TRUNKLINE_MODEL_RUNS", 2000);
    std::cout << "lane model: " << runs << " schedules from seed " << first_seed() << '\n';
    for (std::uint64_t i = 0; i < runs; ++i) {
        const Schedule schedule{first_seed() + i, Mutant::none, i % 2 == 1};
        const auto violation = run(schedule);
        if (!violation.empty())
            FAIL("seed " << schedule.seed << (schedule.has_cuts ? ", with cuts: " : ": ") << violation);
    }
    SUCCEED();
}

TEST_CASE("Lane: a broken rule is caught by some schedule", "[protocol][lane][model]") {
    struct Row {
        const char* name;
        Mutant mutant;
        bool has_cuts;
    };
    const auto row = GENERATE(values<Row>({
        {"a fan-out once per pool", Mutant::fan_out_once_per_pool, false},
        {"back-pressure by not reading", Mutant::stop_reading, false},
        {"a lane per message", Mutant::lane_per_message, false},
        {"handled means received", Mutant::handled_means_received, false},
        {"resume from the acknowledged offset", Mutant::resume_from_acknowledged, true},
        {"a close on another lane", Mutant::close_elsewhere, false},
        {"control frames without a bound", Mutant::control_without_bound, false},
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
