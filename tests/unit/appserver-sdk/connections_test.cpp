#include <catch2/catch.hpp>

#include "tests/unit/appserver-sdk/running_server.hpp"

using namespace trunkline;
using namespace trunkline::test;

namespace {

struct Fixture {
    explicit Fixture(Options options = {}, RunningServer::Setup setup = {})
        : app(std::move(options), std::move(setup)) {}

    void open(std::uint32_t chan, proto::Open what = {}) {
        if (!linked) proxy.link();
        linked = true;
        proxy.open(chan, what);
    }
    /// Opens one that is accepted at once.
    void connect(std::uint32_t chan) {
        open(chan);
        REQUIRE(app.saw("connect " + proxy.id_of(chan)));
    }

    RunningServer app;
    FakeProxy proxy{app.path(), 1};
    bool linked = false;
};

/// Keeps answers instead of giving them.
struct LateFixture : Fixture {
    explicit LateFixture(Options options = {})
        : Fixture(std::move(options), [this](AppServer& server) {
              server.on_connect([this](const Connection& connection, Answer given) {
                  answer = std::move(given);
                  app.keep(connection);
                  app.note("asked");
              });
          }) {}
    Answer answer;
};

proto::Open asking() {
    proto::Open open;
    open.ask = true;
    return open;
}

}  // namespace

TEST_CASE("connection: shows what the client asked for", "[appserver-sdk][connection]") {
    Fixture f;
    const std::vector<proto::Bytes> agents{"one", "two"}, host{"example.com"};
    const std::vector<proto::Header> headers{{"User-Agent", agents}, {"Host", host}};
    const std::vector<std::pair<proto::Bytes, proto::Bytes>> claims{{"role", "a"}, {"role", "b"}},
        parameters{{"x", "42"}};
    proto::Open open;
    open.headers = headers;
    open.claims = claims;
    open.path_parameters = parameters;
    open.user = "ada";
    open.query = "room=1&a=b";
    open.peer_address = "127.0.0.1:1234";
    open.path = "/chat/42";
    open.host = "example.com";
    open.subprotocol = "v2";
    f.open(1, open);
    REQUIRE(f.app.saw("connect " + f.proxy.id_of(1)));
    const Connection c = f.app.last();
    CHECK(c.user() == "ada");
    CHECK(c.header("user-agent") == "one");
    CHECK(c.header("nothing").empty());
    CHECK(c.headers().size() == 3);
    CHECK(c.claim("role") == "a");
    CHECK(c.claims().size() == 2);
    CHECK(c.path_parameter("x") == "42");
    CHECK(c.query() == "room=1&a=b");
    CHECK(c.remote_address() == "127.0.0.1:1234");
    CHECK(c.path() == "/chat/42");
    CHECK(c.host() == "example.com");
    CHECK(c.subprotocol() == "v2");
    CHECK(c.proxy() == "proxy-1");
    CHECK(f.app.server.find(c.id()) == c);
    CHECK(f.app.server.connections() == std::vector<Connection>{c});
    CHECK_FALSE(f.app.server.find("nobody"));
}

TEST_CASE("connection: messages come in, sends go out, in order", "[appserver-sdk][connection]") {
    Fixture f;
    f.connect(1);
    f.connect(2);
    for (int i = 0; i < 100; ++i) f.proxy.data(1, std::to_string(i));
    for (int i = 0; i < 100; ++i) REQUIRE(f.app.saw_next("message " + std::to_string(i)));
    for (int i = 0; i < 100; ++i) REQUIRE(!f.app.last().send(std::to_string(i)));
    REQUIRE(!f.app.last().send_binary("\x01\xff"));
    for (int i = 0; i < 100; ++i) {
        const auto frame = f.proxy.expect<proto::Data>();
        CHECK(frame.as<proto::Data>().payload == std::to_string(i));
        CHECK(frame.as<proto::Data>().chan == proto::Chan{2});
    }
    CHECK(f.proxy.expect<proto::Data>().as<proto::Data>().kind == proto::PayloadKind::binary);
}

TEST_CASE("connection: what may not be sent is an error", "[appserver-sdk][connection]") {
    Fixture f;
    f.connect(1);
    const Connection c = f.app.last();
    CHECK(c.send("\xff") == errc::not_utf8);
    CHECK(c.send(std::string((1 << 20) + 1, 'x')) == errc::too_large);
    CHECK(c.send(std::string(1 << 20, 'x')) == errc::too_large);  // with its header it is
    CHECK(c.join("") == errc::bad_name);
    CHECK(c.join("\xc0") == errc::not_utf8);
    CHECK(c.leave("") == errc::bad_name);
    for (const std::uint16_t code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000}) {
        CHECK(c.close(code) == errc::bad_close_code);
    }
    CHECK(c.close(1000, std::string(124, 'x')) == errc::reason_too_long);
    CHECK(c.close(1000, "\xff") == errc::not_utf8);
    CHECK(Connection().send("x") == errc::closed);
    CHECK(c.is_open());
    REQUIRE(!c.close(4999, std::string(123, 'x')));
    const auto frame = f.proxy.expect<proto::Close>();  // and nothing before it
    CHECK(frame.as<proto::Close>().code == 4999);
}

TEST_CASE("connection: each end is told once, whoever was first", "[appserver-sdk][connection]") {
    Fixture f;
    f.connect(1);
    const Connection c = f.app.last();

    SECTION("the client") {
        f.proxy.data(1, "a");
        f.proxy.close(1, 1005);
        CHECK(f.app.saw_next("message a"));
        CHECK(f.app.saw_next("disconnect client 1005"));
        CHECK(c.close() == errc::closed);
    }
    SECTION("the app, on the loop") {
        f.app.on_loop([&] {
            CHECK(!c.close(4000, "done"));
            CHECK(c.close(4000) == errc::closed);
            CHECK(c.send("x") == errc::closed);
            CHECK(f.app.lines().empty());  // it follows after the running callback
        });
        CHECK(f.app.saw_next("disconnect app 4000"));
        const auto frame = f.proxy.expect<proto::Close>();
        CHECK(frame.as<proto::Close>().reason == "done");
        CHECK(frame.as<proto::Close>().by == proto::CloseBy::app);
    }
    SECTION("both at once: the Closes cross") {
        f.app.on_loop([&] { CHECK(!c.close(4000)); });
        f.proxy.data(1, "late");
        f.proxy.close(1);
        CHECK(f.app.saw_next("disconnect app 4000"));
    }
    f.connect(2);  // what was under way for chan 1 is behind this
    f.proxy.data(1, "later");
    f.proxy.data(2, "fence");
    CHECK(f.app.saw_next("message fence"));
    CHECK(f.app.lines().empty());
}

TEST_CASE("connection: nothing of a chunk is handled behind a close", "[appserver-sdk][connection]") {
    Fixture f;
    f.connect(1);
    const Connection c = f.app.last();
    // The loop is held until all of it is there, so that it comes as one chunk, behind the call of another thread.
    f.app.on_loop([&] {
        std::thread([&] {
            f.proxy.data(1, "a");
            f.proxy.data(1, "b");
            CHECK(!c.close(4000));
        }).join();
    });
    CHECK(f.app.saw_next("disconnect app 4000"));
    f.app.on_loop([] {});
    CHECK(f.app.lines().empty());
}

TEST_CASE("answer: accepted later, from another thread, with messages parked", "[appserver-sdk][answer]") {
    LateFixture f;
    const std::vector<proto::Bytes> offered{"v0, v1\t,v2", "v3"};
    const std::vector<proto::Header> headers{{"sec-websocket-protocol", offered}};
    auto open = asking();
    open.headers = headers;
    f.open(1, open);
    REQUIRE(f.app.saw("asked"));
    const Connection c = f.app.last();
    f.proxy.data(1, "a");
    f.proxy.data(1, "b");
    CHECK(f.answer.accept({"", {}, "v4"}) == errc::not_offered);
    CHECK(f.answer.accept({"", {}, "v"}) == errc::not_offered);
    CHECK(c.send("too early") == errc::not_accepted);
    CHECK(c.join("g") == errc::not_accepted);
    CHECK(f.answer.accept({"", {""}, ""}) == errc::bad_name);
    CHECK(f.answer.accept({"\xff", {}, ""}) == errc::not_utf8);
    REQUIRE(!f.answer.accept({"ada", {"g1", "g2"}, "v1"}));
    CHECK(f.answer.accept() == errc::already_answered);
    REQUIRE(!c.send("now"));
    const auto frame = f.proxy.expect<proto::Accept>();
    const auto accept = frame.as<proto::Accept>();
    CHECK(accept.user == proto::Bytes("ada"));
    CHECK(accept.subprotocol == proto::Bytes("v1"));
    CHECK(accept.groups.size() == 2);
    CHECK(f.proxy.expect<proto::Data>().as<proto::Data>().payload == "now");
    CHECK(f.app.saw_next("message a"));
    CHECK(f.app.saw_next("message b"));
    CHECK(c.user() == "ada");
    CHECK(c.subprotocol() == "v1");
}

TEST_CASE("answer: refused", "[appserver-sdk][answer]") {
    LateFixture f;
    const bool asks = GENERATE(true, false);
    CAPTURE(asks);
    f.open(1, asks ? asking() : proto::Open{});
    REQUIRE(f.app.saw("asked"));
    const Connection c = f.app.last();
    f.proxy.data(1, "never seen");

    struct Expected {
        std::uint16_t on_ask, else_, told;
    } expected{};
    SECTION("with a status") {
        CHECK(f.answer.refuse(500) == errc::bad_refusal);
        CHECK(!f.answer.refuse(429, "slow down"));
        expected = {429, 1008, 429};
    }
    SECTION("with a close code") {
        CHECK(!f.answer.refuse(4001));
        expected = {403, 4001, 4001};
    }
    SECTION("by dropping the answer") {
        f.answer = {};
        expected = {403, 1008, 403};
    }
    SECTION("by close") {
        CHECK(!c.close(4002));
        CHECK(f.answer.accept() == errc::closed);
        expected = {403, 4002, 4002};
    }
    const auto frame = f.proxy.expect<proto::Close>();
    CHECK(frame.as<proto::Close>().code == (asks ? expected.on_ask : expected.else_));
    CHECK(f.app.saw_next("disconnect app " + std::to_string(expected.told)));
    CHECK(c.send("x") == errc::closed);
    f.app.on_loop([] {});
    CHECK(f.app.lines().empty());
}

TEST_CASE("answer: the client leaves before it", "[appserver-sdk][answer]") {
    LateFixture f;
    f.open(1, asking());
    REQUIRE(f.app.saw("asked"));
    f.proxy.data(1, "never seen");
    f.proxy.close(1, 1006);
    CHECK(f.app.saw_next("disconnect client 1006"));
    CHECK(f.answer.accept() == errc::closed);
    f.app.on_loop([] {});
    CHECK(f.app.lines().empty());
}

TEST_CASE("pause: messages wait, in order, also the end of the client", "[appserver-sdk][pause]") {
    Fixture f;
    f.connect(1);
    const Connection c = f.app.last();
    c.pause();
    c.pause();
    CHECK(f.proxy.expect<proto::Pause>().as<proto::Pause>().on);
    f.proxy.data(1, "a");
    f.proxy.data(1, "b");
    f.connect(2);
    CHECK(f.app.lines().empty());

    SECTION("resumed") {
        c.resume();
        CHECK(f.app.saw_next("message a"));
        CHECK(f.app.saw_next("message b"));
        CHECK_FALSE(f.proxy.expect<proto::Pause>().as<proto::Pause>().on);
        f.proxy.data(1, "c");
        CHECK(f.app.saw_next("message c"));
    }
    SECTION("the client leaves meanwhile: the pause ends with it") {
        f.proxy.close(1, 1001);
        CHECK(f.app.saw_next("message a"));
        CHECK(f.app.saw_next("message b"));
        CHECK(f.app.saw_next("disconnect client 1001"));
        CHECK(c.send("x") == errc::closed);
    }
    SECTION("the app closes it") {
        REQUIRE(!c.close(4000));
        CHECK(f.app.saw_next("disconnect app 4000"));
        c.resume();
    }
    SECTION("the pool ends") {
        f.proxy.hang_up(0);
        CHECK(f.app.saw_next("disconnect proxy lost 1012"));
        CHECK(f.app.saw_next("disconnect proxy lost 1012"));
        CHECK(f.app.saw("lost proxy-1"));
    }
    f.app.on_loop([] {});
    CHECK(f.app.lines().empty());
}

TEST_CASE("pause: beyond the bound the connection is closed, and nobody else waits", "[appserver-sdk][pause]") {
    Options options;
    options.limits.parked_per_connection = 1000;
    Fixture f(options);
    f.connect(1);
    f.connect(2);
    const Connection c = f.app.server.find(f.proxy.id_of(1));
    c.pause();
    CHECK(f.proxy.expect<proto::Pause>().as<proto::Pause>().on);
    for (int i = 0; i < 5; ++i) f.proxy.data(1, std::string(400, '.'));
    f.proxy.data(2, "behind them");
    CHECK(f.proxy.expect<proto::Close>().as<proto::Close>().code == 1013);
    CHECK(f.app.saw("disconnect app 1013"));
    CHECK(f.app.saw("message behind them"));
}

TEST_CASE("pause: beyond the bound of all of them, whoever keeps most is closed", "[appserver-sdk][pause]") {
    Options options;
    options.limits.parked_in_all = 10'000;
    Fixture f(options);
    for (std::uint32_t chan = 1; chan <= 3; ++chan) {
        f.connect(chan);
        f.app.server.find(f.proxy.id_of(chan)).pause();
        CHECK(f.proxy.expect<proto::Pause>().as<proto::Pause>().on);
    }
    for (int i = 0; i < 8; ++i) f.proxy.data(1, std::string(500, '.'));
    for (int i = 0; i < 7; ++i) f.proxy.data(2, std::string(500, '.'));
    f.proxy.data(3, std::string(2000, '.'));
    const auto closed = f.proxy.expect<proto::Close>();
    CHECK(closed.as<proto::Close>().code == 1013);
    CHECK(closed.as<proto::Close>().chan == proto::Chan{1});
    f.proxy.data(3, "and more");
    f.app.on_loop([&] { f.app.server.find(f.proxy.id_of(3)).resume(); });
    CHECK(f.app.saw("message " + std::string(2000, '.')));
    CHECK(f.app.saw("message and more"));
}

TEST_CASE("answer: one long message is kept whatever the bound", "[appserver-sdk][answer]") {
    Options options;
    options.limits.parked_per_connection = 100;
    LateFixture f(options);
    f.open(1);
    REQUIRE(f.app.saw("asked"));
    const std::string text(200, 'x');
    f.proxy.data(1, text);
    f.proxy.pump_all(20ms);
    f.app.on_loop([] {});
    CHECK(f.app.lines().empty());
    REQUIRE(!f.answer.accept());
    CHECK(f.app.saw_next("message " + text));
}

TEST_CASE("callbacks: what they throw closes the connection and nothing else", "[appserver-sdk][connection]") {
    Fixture f({}, [](AppServer& server) {
        server.on_message([](const Connection&, const Message& message) {
            if (message.bytes == "throw") throw std::runtime_error("as asked");
            if (message.bytes == "throw 7") throw 7;
        });
    });
    f.connect(1);
    f.connect(2);
    f.proxy.data(1, "throw");
    f.proxy.data(2, "throw 7");
    CHECK(f.app.saw_next("disconnect app 1011"));
    CHECK(f.app.saw_next("disconnect app 1011"));
    CHECK(f.proxy.expect<proto::Close>().as<proto::Close>().code == 1011);
    f.connect(3);
}
