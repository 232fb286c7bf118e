// Random schedules of whole processes around the state machines that decide who owns a connection: Lane and the
// PoolLife of each side. Many schedules with all the rules kept, and with each rule broken until some schedule notices.
//
// TRUNKLINE_MODEL_SCHEDULES sets how many schedules run (default 300), TRUNKLINE_MODEL_SEED the first seed (default:
// drawn and printed), TRUNKLINE_MODEL_TRACE=1 prints what happens. Tens of thousands take a minute in a release build:
//
//   cmake --preset release -DTRUNKLINE_BUILD_TESTS=ON && cmake --build build/release --target unit_model
//   TRUNKLINE_MODEL_SCHEDULES=30000 build/release/bin/unit_model 'pool model: every promise is kept'
#include <catch2/catch.hpp>

#include <cstdlib>
#include <iostream>

#include "tests/support/schedules.hpp"
#include "tests/unit/model/schedule.hpp"

using trunkline::model::Fault;
using trunkline::model::Rules;
using trunkline::model::run;
using trunkline::model::Schedule;
using trunkline::test::first_seed;
using trunkline::test::number_from_environment;

TEST_CASE("pool model: every promise is kept", "[model]") {
    const auto schedules = number_from_environment("TRUNKLINE_MODEL_SCHEDULES", 300);
    std::cout << "pool model: " << schedules << " schedules from seed " << first_seed() << '\n';
    for (std::uint64_t i = 0; i < schedules; ++i) {
        Schedule schedule;
        schedule.seed = first_seed() + i;
        schedule.has_middlebox = schedule.seed % 4 == 3;
        schedule.is_traced = std::getenv("TRUNKLINE_MODEL_TRACE") != nullptr;
        const auto violation = run(schedule);
        if (!violation.empty()) FAIL("seed " << schedule.seed << ": " << violation);
    }
    SUCCEED();
}

// The same schedules each time, because whether one of so many notices is no matter of luck. Each has a fault that
// makes the rule matter.
TEST_CASE("pool model: a broken rule is caught by some schedule", "[model]") {
    struct Row {
        const char* name;
        void (*breaks)(Rules&);
        std::vector<Fault> faults;
        std::uint64_t first = 1;  ///< where to begin, if not many of them notice
    };
    const auto row = GENERATE(values<Row>({
        {"lease from the last byte heard", [](Rules& r) { r.lease = Rules::Lease::heard; }, {Fault::half}, 231},
        {"lease from the loss of a link",
         [](Rules& r) { r.lease = Rules::Lease::lost; },
         {Fault::trap, Fault::trap},
         132},
        {"lease renewed by any lane", [](Rules& r) { r.lease = Rules::Lease::any_lane; }, {Fault::trap, Fault::trap}},
        {"lease compared on reading only", [](Rules& r) { r.check = Rules::Check::reading; }, {Fault::stop}},
        {"lease compared by a timer only", [](Rules& r) { r.check = Rules::Check::never; }, {Fault::stop}},
        {"app window beyond the resume window", [](Rules& r) { r.app_window = 35; }, {Fault::trap}, 306},
        {"callbacks without a link", [](Rules& r) { r.freezes = false; }, {Fault::replace}},
        {"a pool ends in part", [](Rules& r) { r.ends_whole = false; }, {Fault::cut_lane}},
        {"ended pools are forgotten", [](Rules& r) { r.remembers_ended = false; }, {Fault::cut}},
        {"two pools of one proxy epoch", [](Rules& r) { r.ends_older_pool = false; }, {Fault::bad_frame}},
        {"an older attempt attaches", [](Rules& r) { r.checks_attempt = false; }, {Fault::slow_links}, 54},
        {"the app server reads the older link", [](Rules& r) { r.app_closes_older = false; }, {Fault::half}, 2109},
        {"acknowledged when received", [](Rules& r) { r.acks_handled = false; }, {Fault::kill}},
        {"a drained app server does not wait", [](Rules& r) { r.waits_for_answer = false; }, {Fault::drain}, 43},
        {"a draining app server gets connections", [](Rules& r) { r.spares_draining = false; }, {Fault::drain}, 15},
        {"buried before it is asked", [](Rules& r) { r.probe = Rules::Probe::buries; }, {}, 52},
        {"a dead proxy is never asked", [](Rules& r) { r.probe = Rules::Probe::never; }, {Fault::crash_proxy}},
        {"any byte answers a probe", [](Rules& r) { r.answer = Rules::Answer::any_byte; }, {Fault::crash_proxy}, 31},
        {"the proxy reads the older link",
         [](Rules& r) { r.proxy_closes_older = false; },
         {Fault::one_flow, Fault::one_flow},
         188},
        {"the loss of a link is evidence",
         [](Rules& r) { r.keeps_at_link_loss = false; },
         {Fault::trap, Fault::cut_lane},
         207},
        {"opened elsewhere at once", [](Rules& r) { r.waits_for_release = false; }, {Fault::bad_frame}},
        {"a new epoch buries a silent one", [](Rules& r) { r.trusts_silence = true; }, {Fault::twin}, 49},
        {"a middlebox is trusted", [](Rules& r) { r.trusts_middlebox = true; }, {Fault::middlebox}, 57},
        {"resumed at the own offset", [](Rules& r) { r.resumes_at_received = false; }, {Fault::half}},
        {"delivered again without the flag", [](Rules& r) { r.flags = false; }, {Fault::kill}},
        {"a killing message goes on", [](Rules& r) { r.closes_killers = false; }, {Fault::poison}},
        {"what a client had sent is lost when it leaves",
         [](Rules& r) { r.keeps_departed = false; },
         {Fault::leave, Fault::kill}},
    }));
    CAPTURE(row.name);
    constexpr std::uint64_t kSchedules = 5000;
    Schedule schedule;
    row.breaks(schedule.rules);
    schedule.always = row.faults;
    schedule.has_middlebox = schedule.rules.trusts_middlebox;
    std::string violation;
    for (schedule.seed = row.first; violation.empty() && schedule.seed < row.first + kSchedules; ++schedule.seed) {
        violation = run(schedule);
    }
    INFO("noticed by seed " << schedule.seed - 1 << ": " << violation);
    CHECK_FALSE(violation.empty());
}
