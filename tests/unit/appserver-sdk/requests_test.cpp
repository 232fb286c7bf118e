#include "appserver-sdk/src/requests.hpp"

#include <catch2/catch.hpp>

using namespace trunkline;

namespace {

// Pools are only compared here.
const auto* const kPool = reinterpret_cast<const Pool*>(0x1000);
const auto* const kOther = reinterpret_cast<const Pool*>(0x2000);

struct Row {
    const char* name;
    std::vector<AckStatus> answers;  ///< of lanes 0, 1, 2 of kPool, in order; a missing one: the pool ends
    std::size_t completes_at;        ///< after how many answers (4: by the end of the pool)
    AckStatus status;
};

}  // namespace

TEST_CASE("requests: the answers of all lanes make one", "[appserver-sdk][requests]") {
    using S = AckStatus;
    const auto row = GENERATE(values<Row>({
        {"nobody knows it", {S::not_found, S::not_found, S::not_found}, 3, S::not_found},
        {"the first Ok wins at once", {S::ok, S::not_found, S::not_found}, 1, S::ok},
        {"Ok wins over a failure before it", {S::failed, S::ok, S::not_found}, 2, S::ok},
        {"a failure beats NotFound", {S::not_found, S::timed_out, S::not_found}, 3, S::timed_out},
        {"the pool ends", {S::not_found, S::failed}, 4, S::unknown},
        {"the pool ends after an Ok", {S::not_found, S::ok}, 2, S::ok},
    }));
    CAPTURE(row.name);

    Requests requests;
    std::vector<AskedLane> asked{{kPool, 0}, {kPool, 1}, {kPool, 2}};
    requests.add(7, asked, [](AckStatus) {});
    for (std::size_t i = 0; i < row.answers.size(); ++i) {
        const auto outcome = requests.on_answer(7, asked[i], row.answers[i]);
        CHECK(outcome.counted);
        CHECK(static_cast<bool>(outcome.completion) == (i + 1 == row.completes_at));
        if (outcome.completion) CHECK(outcome.status == row.status);
        CHECK_FALSE(requests.on_answer(7, asked[i], row.answers[i]).counted);  // a second time means nothing
    }
    CHECK(requests.on_pool_ended(kOther).empty());
    const auto ended = requests.on_pool_ended(kPool);
    REQUIRE(ended.size() == (row.completes_at == 4 ? 1 : 0));
    if (!ended.empty()) CHECK(ended[0].status == row.status);
    CHECK(requests.size() == 0);
}

TEST_CASE("requests: a pool that ends leaves the answers of others to come", "[appserver-sdk][requests]") {
    Requests requests;
    requests.add(1, {{kPool, 0}, {kOther, 0}}, [](AckStatus) {});
    CHECK(requests.on_pool_ended(kPool).empty());
    SECTION("which may say Ok") { CHECK(requests.on_answer(1, {kOther, 0}, AckStatus::ok).status == AckStatus::ok); }
    SECTION("or leave it unknown") {
        const auto outcome = requests.on_answer(1, {kOther, 0}, AckStatus::not_found);
        CHECK(outcome.completion);
        CHECK(outcome.status == AckStatus::unknown);
    }
    CHECK(requests.size() == 0);
    CHECK_FALSE(requests.on_answer(99, {kPool, 0}, AckStatus::ok).counted);
}
