#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "tests/unit/appserver-sdk/running_server.hpp"

using namespace trunkline;
using namespace trunkline::test;

namespace {

Announced resizing() {
    Announced announced;
    announced.features = {proto::kFeatureResume, proto::kFeatureResize};
    return announced;
}

}  // namespace

TEST_CASE("resize: what stands behind a Mark waits for all of them", "[appserver-sdk][resize]") {
    RunningServer app;
    FakeProxy proxy(app.path(), 2, resizing());
    proxy.link();
    proxy.open(3);  // at home on lane 1, then on lane 0
    REQUIRE(app.saw("connect " + proxy.id_of(3)));

    proxy.send(0, proto::Mark{1, 1});
    proxy.send(0, proto::Data{proto::Chan{3}, proto::PayloadKind::text, "after", false});
    proxy.pump_all(20ms);
    app.on_loop([] {});
    CHECK_FALSE(app.has("message after"));
    proxy.send(1, proto::Data{proto::Chan{3}, proto::PayloadKind::text, "before", false});
    proxy.send(1, proto::Mark{1, 1});
    CHECK(app.saw_next("message before"));
    CHECK(app.saw_next("message after"));

    for (std::uint32_t lane = 0; lane < 2; ++lane) {
        const auto mark = proxy.expect<proto::Mark>(lane).as<proto::Mark>();
        CHECK(mark.version == 1);
        CHECK(mark.lanes == 1);
    }
    CHECK_FALSE(app.last().send("answer"));
    CHECK(proxy.expect<proto::Data>(0).as<proto::Data>().payload == "answer");
}

TEST_CASE("resize: a lane falls away when all of it was acknowledged, and is refused from then on",
          "[appserver-sdk][resize]") {
    RunningServer app;
    FakeProxy proxy(app.path(), 3, resizing());
    proxy.link();
    proxy.open(2);
    REQUIRE(app.saw("connect " + proxy.id_of(2)));
    proxy.stall(2);
    CHECK_FALSE(app.last().send("unread"));
    proxy.resize(2);
    proxy.expect<proto::Mark>(0);
    proxy.expect<proto::Mark>(1);
    proxy.pump_all(20ms);
    CHECK(proxy.lane(2).is_attached());
    proxy.go_on(2);
    CHECK(proxy.expect<proto::Data>(2).as<proto::Data>().payload == "unread");
    proxy.expect<proto::Mark>(2);
    CHECK(proxy.ends(2));
    CHECK(proxy.attach(2, 1, 2) == proto::make_error_code(proto::errc::lane_refused));
    CHECK_FALSE(app.last().send("on its new lane"));
    CHECK(proxy.expect<proto::Data>(0).as<proto::Data>().payload == "on its new lane");
}

TEST_CASE("resize: a lane with an open request stays until it is answered", "[appserver-sdk][resize]") {
    RunningServer app;
    FakeProxy proxy(app.path(), 2, resizing());
    proxy.link();
    proxy.open(1);
    REQUIRE(app.saw("connect " + proxy.id_of(1)));
    CHECK_FALSE(app.last().join("g", [&](AckStatus status) { app.note("joined " + std::string(to_string(status))); }));
    const auto request = proxy.expect<proto::JoinGroupWithAck>(1).as<proto::JoinGroupWithAck>().ack_id;
    proxy.resize(1);
    proxy.expect<proto::Mark>(1);
    proxy.pump_all(100ms);
    CHECK(proxy.lane(1).is_attached());
    proxy.send(1, proto::RequestAck{request, proto::AckStatus::ok});
    CHECK(app.saw("joined ok"));
    CHECK(proxy.ends(1));
}

TEST_CASE("resize: without the feature no Mark is taken, and no lane", "[appserver-sdk][resize]") {
    RunningServer app;
    FakeProxy proxy(app.path());
    proxy.link();
    REQUIRE(app.saw_up("proxy-1"));
    proxy.send(0, proto::Mark{1, 1});
    CHECK(proxy.bye().starts_with("2 "));
}

TEST_CASE("resize: what several threads send stays in order through all of it", "[appserver-sdk][resize]") {
    Options options;
    options.limits.ring = 32 << 10;
    RunningServer app(options);
    FakeProxy proxy(app.path(), 2, resizing());
    proxy.link();
    constexpr std::uint32_t kConnections = 6;
    constexpr int kEach = 600;
    for (std::uint32_t chan = 1; chan <= kConnections; ++chan) proxy.open(chan);
    REQUIRE(app.saw("connect " + proxy.id_of(kConnections)));

    std::vector<std::thread> threads;
    for (std::uint32_t chan = 1; chan <= kConnections; ++chan) {
        threads.emplace_back([&, chan] {
            const auto connection = app.server.find(proxy.id_of(chan));
            for (int i = 0; i < kEach;) {
                const auto error = connection.send(std::to_string(i) + std::string(100, ' '));
                if (error && error != errc::would_block) return;
                i += error ? 0 : 1;
                if (error) std::this_thread::yield();
            }
        });
    }
    // Per lane and connection, what stood before the first Mark there, between it and the next, and so on.
    const std::vector<std::uint32_t> sizes{5, 1, 3};
    std::vector<std::vector<std::vector<int>>> heard(kConnections + 1, std::vector<std::vector<int>>(sizes.size() + 1));
    std::size_t count = 0;
    std::vector<std::size_t> age(5);
    const auto read = [&] {
        proxy.pump_all(1ms);
        for (std::uint32_t lane = 0; lane < proxy.lanes(); ++lane) {
            while (proxy.frames_waiting(lane) != 0) {
                const auto frame = proxy.next(lane);
                if (frame.type() == proto::Mark::kType) {
                    ++age[lane];
                    continue;
                }
                const auto data = frame.as<proto::Data>();
                heard[static_cast<std::size_t>(data.chan)][age[lane]].push_back(std::stoi(std::string(data.payload)));
                ++count;
            }
        }
    };
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const auto read_until = [&](auto is_done) {
        while (!is_done() && std::chrono::steady_clock::now() < deadline) read();
    };
    std::uint32_t lanes = 2;
    for (std::size_t round = 0; round < sizes.size(); ++round) {
        read_until([&] { return count > (round + 1) * kConnections * kEach / 5; });
        for (std::uint32_t lane = proxy.lanes(); lane < sizes[round]; ++lane) age[lane] = round;
        proxy.resize(sizes[round]);
        const auto concerned = std::max(lanes, sizes[round]);
        read_until(
            [&] { return std::all_of(age.begin(), age.begin() + concerned, [&](auto a) { return a == round + 1; }); });
        read_until([&] { return proxy.drop_ended(sizes[round]); });
        lanes = sizes[round];
    }
    read_until([&] { return count == kConnections * kEach; });
    for (auto& thread : threads) thread.join();
    for (std::uint32_t chan = 1; chan <= kConnections; ++chan) {
        int next = 0;
        for (const auto& part : heard[chan]) {
            for (const int i : part) REQUIRE(i == next++);
        }
        CHECK(next == kEach);
    }
}
