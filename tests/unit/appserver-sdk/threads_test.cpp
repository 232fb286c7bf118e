#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "tests/unit/appserver-sdk/running_server.hpp"

using namespace trunkline;
using namespace trunkline::test;

TEST_CASE("threads: each one's sends arrive in its order, all of them", "[appserver-sdk][threads]") {
    Options options;
    options.limits.ring = 32 << 10;
    RunningServer app(options);
    FakeProxy proxy(app.path(), 2);
    proxy.link();
    proxy.open(1);
    proxy.open(2);
    REQUIRE(app.saw("connect " + proxy.id_of(2)));
    constexpr int kThreads = 3, kEach = 400;

    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kEach;) {
                const auto text = std::to_string(t) + ":" + std::to_string(i) + std::string(200, ' ');
                const auto error = i % 3 == 0   ? app.server.to_all().send(text)
                                   : i % 3 == 1 ? app.server.send_to(proxy.id_of(1), text)
                                                : app.server.find(proxy.id_of(2)).send(text);
                if (!error)
                    ++i;
                else if (error == errc::would_block)
                    std::this_thread::yield();
                else
                    return;
            }
        });
    }
    // Fan-outs on both lanes, the others on one: lane 1 is home of chan 1, lane 0 of chan 2.
    for (std::uint32_t lane = 0; lane < 2; ++lane) {
        std::vector<int> next(kThreads, lane == 0 ? 0 : 0);
        const int wanted = kThreads * ((kEach + 2) / 3 + (kEach + (lane == 1 ? 1 : 0)) / 3);
        for (int n = 0; n < wanted; ++n) {
            const auto frame = proxy.next(lane);
            const std::string payload(frame.type() == proto::Data::kType
                                          ? frame.as<proto::Data>().payload
                                          : *frame.as<proto::BroadcastData>().payloads.find("text"));
            const int t = payload[0] - '0';
            const int i = std::stoi(payload.substr(2));
            REQUIRE(i >= next[static_cast<std::size_t>(t)]);
            next[static_cast<std::size_t>(t)] = i + 1;
        }
    }
    for (auto& thread : threads) thread.join();
}

TEST_CASE("threads: a call on the loop comes behind the calls it knows of", "[appserver-sdk][threads]") {
    RunningServer app;
    FakeProxy proxy(app.path(), 2);
    proxy.link();
    proxy.open(1);
    REQUIRE(app.saw("connect " + proxy.id_of(1)));
    const Connection c = app.last();
    for (int i = 0; i < 50; ++i) {
        app.on_loop([&] {
            // The loop waits for the other thread, so its call is there, but not taken yet.
            std::thread([&] { CHECK(!c.join("g" + std::to_string(i))); }).join();
            CHECK(!app.server.to_group("g" + std::to_string(i)).send("x"));
        });
    }
    for (int i = 0; i < 50; ++i) {
        const auto join = proxy.expect<proto::JoinGroup>(1);
        CHECK(join.as<proto::JoinGroup>().group == "g" + std::to_string(i));
        const auto sent = proxy.expect<proto::GroupBroadcastData>(1);
        CHECK(sent.as<proto::GroupBroadcastData>().group == "g" + std::to_string(i));
    }
}

TEST_CASE("threads: nothing passes the acceptance of a connection", "[appserver-sdk][threads]") {
    constexpr std::uint32_t kConnections = 100;
    std::mutex mutex;
    std::vector<std::pair<Connection, Answer>> asked;
    RunningServer app({}, [&](AppServer& server) {
        server.on_connect([&](const Connection& connection, Answer answer) {
            const std::lock_guard lock(mutex);
            asked.emplace_back(connection, std::move(answer));
        });
    });
    FakeProxy proxy(app.path(), 1);
    proxy.link();
    for (std::uint32_t chan = 1; chan <= kConnections; ++chan) proxy.open(chan);
    REQUIRE(proxy.pump_until([&] {
        const std::lock_guard lock(mutex);
        return asked.size() == kConnections;
    }));
    // One thread accepts while two others try to send: from outside, and from the loop.
    for (auto& [connection, answer] : asked) {
        const auto send_when_open = [&c = connection] {
            while (c.send("x") == errc::not_accepted) std::this_thread::yield();
        };
        std::thread outside(send_when_open);
        std::thread accepting([&a = answer] { CHECK(!a.accept({.user = "u", .groups = {}, .subprotocol = {}})); });
        app.on_loop([&] {
            for (int i = 0; i < 1000 && connection.send("x") == errc::not_accepted; ++i) std::this_thread::yield();
        });
        accepting.join();
        outside.join();
    }
    std::set<proto::Chan> accepted;
    while (accepted.size() < kConnections) {
        const auto frame = proxy.next();
        if (frame.type() == proto::Accept::kType) accepted.insert(frame.as<proto::Accept>().chan);
        if (frame.type() == proto::Data::kType) REQUIRE(accepted.count(frame.as<proto::Data>().chan) == 1);
    }
}

TEST_CASE("threads: what was taken for a connection goes out before it is handed on", "[appserver-sdk][threads]") {
    RunningServer app;
    Announced announced;
    announced.features = {proto::kFeatureMigrate};
    FakeProxy proxy(app.path(), 1, announced);
    proxy.link();
    for (std::uint32_t chan = 1; chan <= 100; ++chan) {
        proxy.open(chan);
        REQUIRE(app.saw("connect " + proxy.id_of(chan)));
        std::atomic<int> taken{0};
        std::thread sender([&taken, connection = app.last()] {
            while (true) {
                const auto error = connection.send("x");
                if (!error) ++taken;
                if (error == errc::closed) return;
            }
        });
        while (taken == 0) std::this_thread::yield();
        proxy.send(0, proto::Detach{proto::Chan{chan}});
        int came = 0;
        for (; proxy.next().type() == proto::Data::kType; ++came) continue;  // the last is Detached
        sender.join();
        REQUIRE(came == taken);
    }
}

TEST_CASE("threads: closing, pausing and sending from everywhere while the proxy is lost", "[appserver-sdk][threads]") {
    RunningServer app;
    {
        FakeProxy proxy(app.path(), 2);
        proxy.link();
        for (std::uint32_t chan = 1; chan <= 40; ++chan) proxy.open(chan);
        REQUIRE(app.saw("connect " + proxy.id_of(40)));
        std::atomic<bool> enough{false};
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t) {
            threads.emplace_back([&, t] {
                for (std::size_t i = 0; !enough; ++i) {
                    for (const auto& c : app.server.connections()) {
                        if (t == 0) (void)c.send("x");
                        if (t == 1) (i % 2 == 0) ? c.pause() : c.resume();
                        if (t == 2 && c.id().back() % 2 == 0) c.close(1000);
                        c.when_writable([](std::error_code) {});
                    }
                    (void)app.server.to_all().send("all");
                }
            });
        }
        for (int i = 0; i < 20; ++i) {
            for (std::uint32_t chan = 1; chan <= 40; chan += 3) proxy.data(chan, "m");
            proxy.pump_all(1ms);
        }
        proxy.hang_up(0);
        const bool lost = app.saw("lost proxy-1");
        enough = true;
        for (auto& thread : threads) thread.join();
        CHECK(lost);
    }
    CHECK(app.server.connection_count() == 0);
    app.stop();
    const auto lines = app.lines();
    const auto count = [&](const std::string& what) {
        return std::count_if(lines.begin(), lines.end(), [&](const auto& line) { return line.starts_with(what); });
    };
    CHECK(count("connect ") == 39);  // and the one that was seen
    CHECK(count("disconnect ") == 40);
}

TEST_CASE("threads: handles outlive their server", "[appserver-sdk][threads]") {
    Connection kept;
    Answer late;
    {
        RunningServer app({}, [&](AppServer& server) {
            server.on_connect([&](const Connection& connection, Answer answer) {
                kept = connection;
                late = std::move(answer);
            });
        });
        FakeProxy proxy(app.path(), 1);
        proxy.link();
        proxy.open(1);
        CHECK(proxy.pump_until([&] { return app.server.connection_count() == 1; }));
        app.stop();
        CHECK(app.saw("disconnect app 1012"));
    }
    CHECK(late.accept() == errc::closed);
    CHECK(kept.send("x") == errc::closed);
    CHECK(kept.id().size() == 22);
    kept.resume();
    bool told = false;
    kept.when_writable([&](std::error_code error) { told = error == errc::closed; });
    CHECK(told);
}

TEST_CASE("threads: tasks run on the loop in order, and at their time", "[appserver-sdk][threads]") {
    RunningServer app;
    for (int i = 0; i < 5; ++i) app.server.post([&app, i] { app.note(std::to_string(i)); });
    CHECK(app.saw("4"));
    const auto begin = std::chrono::steady_clock::now();
    app.server.post_after(30ms, [&app] { app.note(app.server.is_on_loop() ? "later" : "elsewhere"); });
    CHECK(app.saw("later"));
    CHECK(std::chrono::steady_clock::now() - begin >= 30ms);
    CHECK(app.server.run() == errc::already_running);
}
