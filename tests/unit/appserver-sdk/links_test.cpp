#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/unit/appserver-sdk/running_server.hpp"

using namespace trunkline;
using namespace trunkline::test;

TEST_CASE("links: a proxy is up when all lanes of all its workers are", "[appserver-sdk][links]") {
    RunningServer app;
    Announced first, second;
    first.workers = second.workers = 2;
    second.worker = 1;
    second.pool = 'B';
    FakeProxy one(app.path(), 2, first), two(app.path(), 1, second);
    one.link();
    app.on_loop([] {});
    CHECK(app.lines().empty());
    CHECK(app.server.to_user("u").send("early") == std::error_code{});  // the first pool takes it already
    two.link();
    CHECK(app.saw_up("proxy-1"));
    const auto proxies = app.server.proxies();
    REQUIRE(proxies.size() == 1);
    CHECK(proxies[0].is_up);
    CHECK(proxies[0].lanes == 3);
    CHECK(proxies[0].epoch == first.epoch);
}

namespace {

/// An app server that sends what it hears to everybody.
RunningServer::Setup sends_to_all(std::function<void(AppServer&)> also = {}) {
    return [also](AppServer& server) {
        server.on_message(
            [&server](const Connection&, const Message& message) { (void)server.to_all().send(message.bytes); });
        if (also) also(server);
    };
}

}  // namespace

TEST_CASE("links: what a client causes reaches all workers of its proxy", "[appserver-sdk][links]") {
    RunningServer app({}, sends_to_all());
    Announced first, second;
    first.workers = second.workers = 2;
    second.worker = 1;
    second.pool = 'B';
    FakeProxy one(app.path(), 1, first), two(app.path(), 1, second);
    one.link();
    one.open(1);
    one.data(1, "to all");
    app.on_loop([] {});
    two.link();
    one.expect<proto::BroadcastData>();
    two.expect<proto::BroadcastData>();
}

TEST_CASE("links: a worker that does not come holds up the others for a while only", "[appserver-sdk][links]") {
    Options options;
    options.warm_up = 50ms;
    RunningServer app(options, sends_to_all());
    Announced first;
    first.workers = 2;
    FakeProxy one(app.path(), 1, first);
    one.link();
    one.open(1);
    one.data(1, "to all");
    one.expect<proto::BroadcastData>();
}

TEST_CASE("links: what cannot be attached is refused with its status", "[appserver-sdk][links]") {
    RunningServer app;
    FakeProxy proxy(app.path(), 2);
    proxy.link();
    REQUIRE(app.saw_up("proxy-1"));

    SECTION("a lane that has a link") {
        FakeProxy again(app.path(), 2);
        CHECK(again.attach(0) == proto::make_error_code(proto::errc::lane_refused));
    }
    SECTION("another upstream") {
        Announced other;
        other.upstream = "other";
        other.pool = 'B';
        FakeProxy stranger(app.path(), 1, other);
        CHECK(stranger.attach(0) == proto::make_error_code(proto::errc::lane_refused));
    }
    SECTION("resuming a pool that was never there") {
        Announced other;
        other.pool = 'C';
        FakeProxy lost(app.path(), 1, other);
        CHECK(lost.attach(0, 1) == proto::make_error_code(proto::errc::unknown_pool));
    }
    SECTION("a pool that has ended") {
        proxy.hang_up(1);
        REQUIRE(app.saw("lost proxy-1"));
        FakeProxy again(app.path(), 2);
        CHECK(again.attach(0) == proto::make_error_code(proto::errc::unknown_pool));
    }
    SECTION("a worker out of range") {
        Announced other;
        other.worker = 7;
        other.pool = 'D';
        FakeProxy wrong(app.path(), 1, other);
        CHECK(wrong.attach(0) == proto::make_error_code(proto::errc::lane_refused));
    }
    CHECK(app.lines().empty());
}

TEST_CASE("links: a key must be shown where both sides have one", "[appserver-sdk][links]") {
    Options options;
    options.link_key = "a secret of ours\n";
    RunningServer app(options);
    Announced knows, guesses;
    knows.key = "a secret of ours";
    guesses.key = "another secret, as long";
    FakeProxy stranger(app.path(), 1, guesses);
    CHECK(stranger.attach(0));
    FakeProxy friendly(app.path(), 1, knows);
    friendly.link();
    CHECK(app.saw_up("proxy-1"));
}

TEST_CASE("links: listening says what is wrong with an address", "[appserver-sdk][links]") {
    AppServer server;
    CHECK(server.listen("http://127.0.0.1:1").error() == errc::bad_address);
    CHECK(server.listen("tcp://127.0.0.1").error() == errc::bad_address);
    CHECK(server.listen("tcp://127.0.0.1:70000").error() == errc::bad_address);
    CHECK(server.listen("tcp://example.com:80").error() == errc::bad_address);
    CHECK(server.listen("unix://relative").error() == errc::bad_address);
    CHECK(server.listen("unix:///" + std::string(107, 'x')).error() == errc::bad_address);
    CHECK(server.listen("tcp://0.0.0.0:0").error() == errc::link_key_required);
    const auto first = server.listen("tcp://localhost:0");
    REQUIRE(first);
    CHECK(first->starts_with("tcp://127.0.0.1:"));
    CHECK(server.listen(*first).error() == std::errc::address_in_use);

    Options options;
    options.link_key = "sixteen bytes it is";
    AppServer open(options);
    CHECK(open.listen("tcp://0.0.0.0:0"));
}

TEST_CASE("links: a key that a proxy would not take is none", "[appserver-sdk][links]") {
    namespace fs = std::filesystem;
    const fs::path file = fs::temp_directory_path() / ("trunkline-key-" + std::to_string(::getpid()));
    struct Row {
        std::string content;
        bool is_key;
    };
    const auto row = GENERATE(values<Row>({{"", false},
                                           {"123456789012345\n", false},
                                           {" 1234567890123456\r\n", true},
                                           {std::string(4096, 'k'), true},
                                           {std::string(4097, 'k'), false}}));
    CAPTURE(row.content.size());
    std::ofstream(file, std::ios::binary) << row.content;
    Options options;
    options.link_key_file = file.string();
    AppServer server(options);
    const auto from_file = server.listen("tcp://127.0.0.1:0");
    CHECK(from_file.has_value() == row.is_key);
    if (!row.is_key) CHECK(from_file.error() == errc::bad_link_key);
    fs::remove(file);

    if (row.content.empty()) return;  // is no key at all
    options.link_key_file.clear();
    options.link_key = row.content;
    AppServer given(options);
    CHECK(given.listen("tcp://127.0.0.1:0").has_value() == row.is_key);
}

TEST_CASE("links: what is no file is not waited for as a key", "[appserver-sdk][links]") {
    const std::string pipe = std::filesystem::temp_directory_path() / ("trunkline-pipe-" + std::to_string(::getpid()));
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    for (const auto& path :
         {pipe, std::string("/nonexistent/link.key"), std::string("/tmp"), std::string("/dev/zero")}) {
        CAPTURE(path);
        Options options;
        options.link_key_file = path;
        AppServer server(options);
        CHECK(server.listen("tcp://127.0.0.1:0").error() == errc::bad_link_key);
    }
    std::filesystem::remove(pipe);
}

TEST_CASE("links: a lost link ends its pool, and each connection once", "[appserver-sdk][links]") {
    RunningServer app;
    FakeProxy proxy(app.path(), 2);
    proxy.link();
    for (std::uint32_t chan = 1; chan <= 3; ++chan) proxy.open(chan);
    for (std::uint32_t chan = 1; chan <= 3; ++chan) REQUIRE(app.saw("connect " + proxy.id_of(chan)));
    proxy.hang_up(0);
    CHECK(proxy.bye(1).starts_with("1 "));
    CHECK(proxy.ends(1));
    REQUIRE(app.saw("disconnect proxy lost 1012"));
    CHECK(app.saw("disconnect proxy lost 1012"));
    CHECK(app.saw("disconnect proxy lost 1012"));
    CHECK(app.saw("lost proxy-1"));
    CHECK(app.lines().empty());
    CHECK(app.last().send("late") == errc::closed);
    CHECK(app.server.connection_count() == 0);
    CHECK(app.server.to_all().send("nobody") == errc::not_connected);

    SECTION("and the next pool works") {
        Announced next;
        next.pool = 'B';
        FakeProxy again(app.path(), 1, next);
        again.link();
        CHECK(app.saw_up("proxy-1"));
    }
}

TEST_CASE("links: a newer pool of the same worker ends the older one", "[appserver-sdk][links]") {
    RunningServer app;
    FakeProxy older(app.path(), 1);
    older.link();
    older.open(1);
    REQUIRE(app.saw("connect " + older.id_of(1)));
    Announced next;
    next.pool = 'B';
    FakeProxy newer(app.path(), 1, next);
    newer.link();
    CHECK(older.ends());
    CHECK(app.saw("disconnect proxy lost 1012"));
}

TEST_CASE("links: a proxy's Bye is answered and ends the pool", "[appserver-sdk][links]") {
    RunningServer app;
    FakeProxy proxy(app.path(), 2);
    proxy.link();
    proto::Buffer bye;
    proto::append(bye, proto::Bye{proto::ByeCode::stopping, "leaving"});
    proxy.lane(1).close(bye);
    proxy.pump_all();
    CHECK(proxy.bye(0).starts_with("0 "));
    CHECK(proxy.bye(1).starts_with("0 "));
    CHECK(app.saw("lost proxy-1"));
}

TEST_CASE("links: what was handled is said with the Bye", "[appserver-sdk][links]") {
    RunningServer app;
    FakeProxy proxy(app.path());
    proxy.link();
    proxy.open(1);
    proxy.data(1, "handled");
    REQUIRE(app.saw("message handled"));
    proto::Buffer bye;
    proto::append(bye, proto::Bye{proto::ByeCode::link_lost, ""});
    proxy.lane(0).close(bye);
    proxy.pump_all();
    CHECK(proxy.ends());
    CHECK(proxy.lane(0).held_bytes() == 0);
}

TEST_CASE("links: stop sends what was sent, then says Bye", "[appserver-sdk][links]") {
    RunningServer app;
    FakeProxy proxy(app.path(), 2);
    proxy.link();
    proxy.open(1);
    REQUIRE(app.saw("connect " + proxy.id_of(1)));
    REQUIRE(!app.last().send("the last words"));
    app.server.stop();
    CHECK(proxy.expect<proto::Data>(1).as<proto::Data>().payload == "the last words");
    CHECK(proxy.bye(1).starts_with("0 "));
    CHECK(proxy.bye(0).starts_with("0 "));
    CHECK(app.saw("disconnect app 1012"));
    CHECK(app.saw("lost proxy-1"));
    app.stop();
    CHECK(app.last().close() == errc::closed);
    CHECK(app.server.to_all().send("nobody") == errc::closed);
}

TEST_CASE("links: a bad frame ends the pool and is named", "[appserver-sdk][links]") {
    RunningServer app;
    FakeProxy proxy(app.path(), 2);
    proxy.link();
    proxy.open(2);
    REQUIRE(app.saw("connect " + proxy.id_of(2)));
    SECTION("no MessagePack") { proxy.send_raw(0, std::string("\x03\x93\x6e\xc1", 4)); }
    SECTION("a chan above the highest opened") { proxy.data(4, "x"); }
    SECTION("a chan of another lane") {
        proxy.send(1, proto::Data{proto::Chan{2}, proto::PayloadKind::text, "x", false});
    }
    SECTION("an Open that goes back") { proxy.open(2); }
    SECTION("a frame that only app servers send") { proxy.send(0, proto::Accept{proto::Chan{2}, {}, {}, {}}); }
    proxy.pump_all();
    const auto bye = proxy.bye(0);
    CAPTURE(bye);
    CHECK(bye.starts_with("2 lane"));
    CHECK(app.saw("disconnect proxy lost 1012"));
    CHECK(app.saw("lost proxy-1"));
}

TEST_CASE("links: the id of an ended pool is remembered by the window of its own proxy", "[appserver-sdk][links]") {
    RunningServer app;
    Announced announced;
    announced.app_window = 1h;
    FakeProxy patient(app.path(), 1, announced);
    patient.link();
    announced.id = "proxy-2";
    announced.epoch = 0xabcd0002;
    announced.pool = 'B';
    announced.app_window = 10ms;
    FakeProxy hasty(app.path(), 1, announced);
    hasty.link();
    for (FakeProxy* proxy : {&patient, &hasty}) proxy->hang_up(0);
    for (const char* id : {"lost proxy-1", "lost proxy-2"}) REQUIRE(app.saw(id));

    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    FakeProxy again(app.path(), 1, announced);
    while (again.attach(0).failed() && std::chrono::steady_clock::now() < deadline) again.hang_up(0);
    CHECK(app.saw_up("proxy-2"));
    CHECK(patient.attach(0) == proto::make_error_code(proto::errc::unknown_pool));
}

TEST_CASE("links: a pool has no lease before it is up", "[appserver-sdk][links]") {
    RunningServer app;
    Announced announced;
    announced.features = {proto::kFeatureResume};
    FakeProxy proxy(app.path(), 2, announced);
    REQUIRE(proxy.attach(0).message() == "Success");
    const auto attached = proxy.lane(0).heard();
    REQUIRE(proxy.pump_until([&] { return proxy.lane(0).heard() > attached; }));  // and answered
    REQUIRE(proxy.attach(1).message() == "Success");
    CHECK(app.saw_up("proxy-1"));
}

TEST_CASE("links: of two epochs of one proxy, the older ends if it is silent and stays if it answers",
          "[appserver-sdk][links]") {
    Options options;
    options.limits.probe_timeout = 1s;
    RunningServer app(options);
    FakeProxy older(app.path(), 1);
    older.link();
    REQUIRE(app.saw_up("proxy-1"));
    older.open(1);
    REQUIRE(app.saw("connect " + older.id_of(1)));
    older.pump_all(100ms);  // nothing is under way any more

    Announced next;
    next.epoch = 0xabcd0002;
    next.pool = 'B';
    FakeProxy newer(app.path(), 1, next);
    newer.link();
    SECTION("it answers") {
        const auto until = std::chrono::steady_clock::now() + options.limits.probe_timeout + 100ms;
        while (std::chrono::steady_clock::now() < until) older.pump_all(1ms);
        older.data(1, "still here");
        CHECK(app.saw_next("message still here"));
    }
    SECTION("it is silent") { CHECK(app.saw_next("disconnect proxy lost 1012")); }
}
