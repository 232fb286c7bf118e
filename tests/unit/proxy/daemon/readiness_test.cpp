#include "proxy/daemon/readiness.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace trunkline::proxy;
using nlohmann::json;

namespace {

using Boards = std::vector<std::vector<UpstreamSnapshot>>;

AppServerSnapshot app_server(std::string address, AppServerState state, std::string error = "") {
    AppServerSnapshot result;
    result.address = std::move(address);
    result.state = state;
    result.lanes = 2;
    result.lanes_up = state == AppServerState::linked ? 2 : 0;
    result.last_error = std::move(error);
    return result;
}

UpstreamSnapshot upstream(bool was_linked, std::vector<AppServerSnapshot> app_servers) {
    return {.name = "chat", .was_linked = was_linked, .app_servers = std::move(app_servers)};
}

const Readiness::Clock::time_point kNow{std::chrono::hours(1)};
const auto kLinked = app_server("tcp://a:1", AppServerState::linked);
const auto kPending = app_server("tcp://a:1", AppServerState::pending);
const auto kLost = app_server("tcp://a:1", AppServerState::lost, "reset");
const auto kFailed = app_server("tcp://b:1", AppServerState::failed, "Connection refused");

}  // namespace

TEST_CASE("Readiness: each app server tried, each upstream linked once, on every worker", "[proxy][admin]") {
    struct Row {
        std::string name;
        Boards workers;
        bool ready;
    };
    const auto row = GENERATE(values<Row>({
        {"nothing published", {{}}, false},
        {"one worker has not published", {{upstream(true, {kLinked})}, {}}, false},
        {"pending", {{upstream(false, {kPending})}}, false},
        {"linked", {{upstream(true, {kLinked})}}, true},
        {"linked, the other failed", {{upstream(true, {kLinked, kFailed})}}, true},
        {"the other still pending", {{upstream(true, {kFailed, kPending})}}, false},
        {"all failed", {{upstream(false, {kFailed})}}, false},
        {"was linked, is lost", {{upstream(true, {kLost})}}, true},
        {"one worker linked, one pending", {{upstream(true, {kLinked})}, {upstream(false, {kPending})}}, false},
        {"both linked", {{upstream(true, {kLinked})}, {upstream(true, {kLinked})}}, true},
    }));
    CAPTURE(row.name);
    Readiness readiness;
    const std::vector<std::string> names{"chat"};
    const auto answer = readiness.answer(names, row.workers, false, kNow);
    CHECK(answer.ok == row.ready);
    const auto body = json::parse(answer.body);
    CHECK(body["ready"] == row.ready);
    CHECK(body["upstreams"][0]["ready"] == row.ready);
    CHECK(body["upstreams"][0].contains("why") == !row.ready);
}

TEST_CASE("Readiness: once ready only draining ends it", "[proxy][admin]") {
    Readiness readiness;
    const std::vector<std::string> names{"chat"};
    CHECK_FALSE(readiness.answer(names, {{upstream(true, {kLinked})}}, true, kNow).ok);
    // It was ready then, though draining; a new address of a name changes nothing, nor does losing all.
    CHECK(readiness.answer(names, {{upstream(true, {kLost, kPending, kFailed})}}, false, kNow).ok);
    const auto draining = readiness.answer(names, {{upstream(true, {kLinked})}}, true, kNow);
    CHECK_FALSE(draining.ok);
    CHECK(json::parse(draining.body)["draining"] == true);
}

TEST_CASE("Readiness: the body says which app server, and why", "[proxy][admin]") {
    auto up = kLinked;
    up.name = "a-\xff";  // announced by the peer: any bytes
    up.epoch = 0xfedcba9876543210;
    Readiness readiness;
    const std::vector<std::string> names{"chat", "feed"};
    const auto answer =
        readiness.answer(names, {{upstream(true, {up, kFailed})}, {upstream(true, {kLost, kFailed})}}, false, kNow);
    CHECK_FALSE(answer.ok);  // nobody published feed
    const auto body = json::parse(answer.body);
    const auto& servers = body["upstreams"][0]["app_servers"];
    REQUIRE(servers.size() == 2);
    CHECK(servers[0]["address"] == "tcp://a:1");
    CHECK(servers[0]["state"] == "lost");
    CHECK(servers[0]["links_up"] == 2);
    CHECK(servers[0]["links"] == 4);
    CHECK(servers[0]["epoch"] == "fedcba9876543210");
    CHECK(servers[0]["name"] == "a-\xef\xbf\xbd");
    CHECK(servers[0]["last_error"] == "reset");
    CHECK(servers[1]["state"] == "failed");
    CHECK(servers[1]["epoch"] == "");
    CHECK(servers[1]["last_error"] == "Connection refused");
    CHECK(body["upstreams"][1]["name"] == "feed");
    CHECK(body["upstreams"][1]["why"] == "not started (worker 0)");
}

TEST_CASE("Readiness: workers that are linked to different app servers at one address", "[proxy][admin]") {
    using namespace std::chrono_literals;
    const auto linked = [](std::uint64_t epoch, std::chrono::seconds ago) {
        auto result = kLinked;
        result.epoch = epoch;
        result.up_since = kNow - ago;
        return result;
    };
    auto lost = linked(1, 3600s);
    lost.state = AppServerState::lost;
    struct Row {
        std::string name;
        std::vector<AppServerSnapshot> workers;
        bool several;
    };
    const auto row = GENERATE_COPY(values<Row>({
        {"one worker", {linked(1, 3600s)}, false},
        {"one epoch", {linked(1, 3600s), linked(1, 60s)}, false},
        {"a restart that one worker has followed", {linked(1, 3600s), linked(2, 19s)}, false},
        {"for longer than a restart takes", {linked(1, 3600s), linked(2, 20s)}, true},
        {"the other order", {linked(2, 20s), linked(1, 3600s)}, true},
        {"the third of three", {linked(1, 3600s), linked(1, 3600s), linked(2, 60s)}, true},
        {"two links just lost and made anew, so not yet", {linked(1, 5s), linked(2, 3600s)}, false},
        {"the old life is lost", {lost, linked(2, 3600s)}, false},
        {"the old life is lost on the last", {linked(2, 3600s), lost}, false},
    }));
    CAPTURE(row.name);
    Boards boards;
    for (const auto& seen : row.workers) boards.push_back({upstream(true, {seen, kFailed})});
    Readiness readiness;
    const std::vector<std::string> names{"chat"};
    for (int asked = 0; asked < 2; ++asked) {
        const auto answer = readiness.answer(names, boards, false, kNow);
        CHECK(answer.ok);  // it serves all the same
        const auto servers = json::parse(answer.body)["upstreams"][0]["app_servers"];
        const auto error = servers[0].value("last_error", "");
        CHECK((error == several_app_servers_at("tcp://a:1")) == row.several);
        CHECK(servers[1]["last_error"] == "Connection refused");
    }
}
