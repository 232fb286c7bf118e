#include <catch2/catch.hpp>

#include "tests/unit/appserver-sdk/running_server.hpp"

using namespace trunkline;
using namespace trunkline::test;

namespace {

constexpr std::size_t kRing = 64 << 10;

Options small_ring() {
    Options options;
    options.limits.ring = kRing;
    options.limits.reserve = 16 << 10;
    return options;
}

struct Fixture {
    explicit Fixture(Options options = small_ring(), RunningServer::Setup setup = {})
        : app(std::move(options), std::move(setup)) {
        proxy.link();
        proxy.open(1);
        REQUIRE(app.saw("connect " + proxy.id_of(1)));
    }

    /// Sends from this thread until it would block; how many were taken.
    int fill() {
        int taken = 0;
        while (true) {
            const auto error = app.last().send(std::string(1000, 'x'));
            if (error) {
                CHECK(error == errc::would_block);
                return taken;
            }
            ++taken;
        }
    }

    RunningServer app;
    FakeProxy proxy{app.path(), 1};
};

}  // namespace

TEST_CASE("room: a full ring is would_block, and nothing of what was taken is lost", "[appserver-sdk][room]") {
    Fixture f;
    f.proxy.stall(0);
    const int taken = f.fill();
    CHECK(taken > static_cast<int>(kRing / 1100));
    CHECK(taken < static_cast<int>(kRing / 1000) + 2);
    CHECK_FALSE(f.app.last().is_writable());
    CHECK(f.app.server.to_all().send("x") == errc::would_block);
    f.app.last().when_writable([&](std::error_code error) { f.app.note("writable " + error.message()); });
    f.app.server.when_writable([&](std::error_code error) { f.app.note("all writable " + error.message()); });
    f.proxy.pump_all(20ms);
    f.app.on_loop([] {});
    CHECK(f.app.lines().empty());

    SECTION("acknowledged: there is room again") {
        f.proxy.go_on(0);
        for (int i = 0; i < taken; ++i) f.proxy.expect<proto::Data>();
        CHECK(f.proxy.pump_until([&] { return f.app.lines().size() == 2; }));
        CHECK(f.app.saw("writable Success"));
        CHECK(f.app.saw("all writable Success"));
        CHECK(!f.app.last().send("again"));
        CHECK(f.proxy.expect<proto::Data>().as<proto::Data>().payload == "again");
    }
    SECTION("the pool ends: whoever waits for the connection is told") {
        f.proxy.hang_up(0);
        CHECK(f.app.saw("writable " + make_error_code(errc::closed).message()));
    }
    SECTION("a close needs no room, and passes nothing") {
        REQUIRE(!f.app.last().close(4000));
        CHECK(f.app.saw("disconnect app 4000"));
        f.proxy.go_on(0);
        for (int i = 0; i < taken; ++i) f.proxy.expect<proto::Data>();
        CHECK(f.proxy.expect<proto::Close>().as<proto::Close>().code == 4000);
    }
}

TEST_CASE("room: connections that wait for a full lane go on in their order", "[appserver-sdk][room]") {
    Fixture f;
    std::vector<Connection> waiting;
    for (std::uint32_t chan = 2; chan <= 6; ++chan) {
        f.proxy.open(chan);
        REQUIRE(f.app.saw("connect " + f.proxy.id_of(chan)));
        waiting.push_back(f.app.last());
    }
    f.proxy.stall(0);
    const int taken = f.fill();
    for (const auto& connection : waiting) {
        // Each takes all the room that there is, so that the next has to wait for more.
        connection.when_writable([&, connection](std::error_code error) {
            if (error) return f.app.note(error.message());
            CHECK(!connection.send_binary(std::string(kRing, 'x')));
        });
    }
    REQUIRE_FALSE(waiting[2].close(4000));
    CHECK(f.app.saw(make_error_code(errc::closed).message()));
    CHECK(f.app.saw("disconnect app 4000"));
    f.proxy.go_on(0);
    for (int i = 0; i < taken; ++i) f.proxy.expect<proto::Data>();
    CHECK(f.proxy.expect<proto::Close>().as<proto::Close>().chan == proto::Chan{4});
    for (const std::uint64_t chan : {2, 3, 5, 6}) {
        CHECK(f.proxy.expect<proto::Data>().as<proto::Data>().chan == proto::Chan{chan});
    }
    CHECK(f.app.lines().empty());
}

TEST_CASE("room: pauses that wait for room are sent in their order, but not of a connection that ended",
          "[appserver-sdk][room]") {
    Fixture f;
    std::vector<Connection> connections;
    for (std::uint32_t chan = 2; chan <= 6; ++chan) {
        f.proxy.open(chan);
        REQUIRE(f.app.saw("connect " + f.proxy.id_of(chan)));
        connections.push_back(f.app.last());
    }
    f.proxy.stall(0);
    f.fill();
    f.app.on_loop([&] {
        while (!f.app.last().send(std::string(1000, 'y'))) {
        }
        while (!f.app.last().send({})) {  // until nothing at all fits
        }
        for (const auto& connection : connections) connection.pause();
        connections[1].close(4000);
    });
    f.proxy.go_on(0);
    std::vector<std::uint64_t> paused;
    while (paused.size() < 4) {
        const auto frame = f.proxy.next();
        if (frame.type() == proto::Pause::kType) {
            CHECK(frame.as<proto::Pause>().on);
            paused.push_back(static_cast<std::uint64_t>(frame.as<proto::Pause>().chan));
        }
    }
    CHECK(paused == std::vector<std::uint64_t>{2, 4, 5, 6});
}

TEST_CASE("room: the loop has a reserve, beyond which it is would_block too", "[appserver-sdk][room]") {
    Fixture f;
    f.proxy.stall(0);
    f.fill();
    const bool closes = GENERATE(false, true);
    int more = 0;
    f.app.on_loop([&] {
        while (!f.app.last().send(std::string(1000, 'y'))) ++more;
        // Control frames beyond the reserve are owed; of a pause, how it is in the end.
        for (int i = 0; i < 3001; ++i) (i % 2 == 0) ? f.app.last().pause() : f.app.last().resume();
        CHECK(f.app.last().send("") == errc::would_block);
        if (closes) CHECK(!f.app.last().close(4000));
    });
    CHECK(more > 14);
    CHECK(more < 17);
    f.proxy.go_on(0);
    if (!closes) CHECK(f.proxy.pump_until([&] { return !f.app.last().send("the last"); }));
    int pauses = 0;
    bool is_paused = false;
    while (true) {
        const auto frame = f.proxy.next();
        if (frame.type() == proto::Close::kType) break;
        if (frame.type() == proto::Data::kType && frame.as<proto::Data>().payload == "the last") break;
        if (frame.type() != proto::Pause::kType) continue;
        ++pauses;
        CHECK(frame.as<proto::Pause>().on != is_paused);
        is_paused = !is_paused;
    }
    CHECK(pauses > 0);
    CHECK(pauses < 300);
    if (!closes) CHECK(is_paused);
}

TEST_CASE("room: while its ring is full a lane is read but not handled", "[appserver-sdk][room]") {
    Fixture f;
    f.proxy.stall(0);
    const int taken = f.fill();
    f.proxy.data(1, "must wait");
    f.proxy.pump_all(20ms);
    f.app.on_loop([] {});
    CHECK(f.app.lines().empty());
    f.proxy.go_on(0);
    for (int i = 0; i < taken; ++i) f.proxy.expect<proto::Data>();
    CHECK(f.proxy.pump_until([&] { return !f.app.lines().empty(); }));
    CHECK(f.app.saw("message must wait"));
}

TEST_CASE("room: a proxy that acknowledges nothing loses its pool", "[appserver-sdk][room]") {
    Options options = small_ring();
    options.limits.stall_timeout = 50ms;
    Fixture f(options);
    f.proxy.stall(0);
    f.fill();
    CHECK(f.proxy.bye().starts_with("4 "));
    CHECK(f.app.saw("disconnect proxy lost 1012"));
}

TEST_CASE("room: a client that does not keep up is not writable", "[appserver-sdk][room]") {
    Fixture f;
    f.proxy.send(0, proto::Backlog{proto::Chan{1}, true});
    f.proxy.data(1, "fence");
    REQUIRE(f.app.saw("message fence"));
    CHECK_FALSE(f.app.last().is_writable());
    f.app.last().when_writable([&](std::error_code) { f.app.note("writable"); });
    f.app.on_loop([] {});
    f.app.on_loop([] {});
    CHECK(f.app.lines().empty());
    CHECK(!f.app.last().send("it can be sent to all the same"));
    f.proxy.send(0, proto::Backlog{proto::Chan{1}, false});
    CHECK(f.app.saw("writable"));
}

namespace {

struct Coroutine {
    struct promise_type {
        Coroutine get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

Coroutine stream(RunningServer& app, Connection connection, int count) {
    for (int i = 0; i < count;) {
        const std::error_code sent = connection.send(std::to_string(i) + std::string(1000, '.'));
        if (!sent) {
            ++i;
            continue;
        }
        const std::error_code waited = co_await connection.wait_writable();
        if (waited) break;
    }
    app.note(app.server.is_on_loop() ? "streamed on the loop" : "streamed elsewhere");
}

}  // namespace

TEST_CASE("room: a coroutine streams at the speed of the proxy", "[appserver-sdk][room]") {
    Fixture f;
    stream(f.app, f.app.last(), 500);
    for (int i = 0; i < 500; ++i) {
        const auto frame = f.proxy.expect<proto::Data>();
        REQUIRE(frame.as<proto::Data>().payload.starts_with(std::to_string(i) + "."));
    }
    CHECK(f.app.saw("streamed on the loop"));
}
