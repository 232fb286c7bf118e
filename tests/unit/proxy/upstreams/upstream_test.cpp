// A pool's life as the proxy leads it, against an app server on the same loop that does as it is told.
#include "proxy/upstreams/upstream.hpp"

#include <catch2/catch.hpp>

#include "tests/support/fake_app.hpp"
#include "tests/support/proxy_worker.hpp"

using namespace trunkline;
using proxy::AppServerState;
using tests::FakeApp;

namespace {

struct Fixture {
    const std::string path = tests::socket_path();
    tests::ProxyWorker proxy{path};
    FakeApp app{proxy.loop(), path};

    bool link() {
        proxy.upstream().start();
        return proxy.run_until([&] { return proxy.app_server().state == AppServerState::linked; });
    }
    /// All that came for a client until the stream ended.
    std::string drain(net::UniqueFd& client) {
        std::string bytes;
        char block[4096];
        bool ended = false;
        CHECK(proxy.run_until([&] {
            ssize_t n = 0;
            while ((n = ::recv(client.get(), block, sizeof block, 0)) > 0)
                bytes.append(block, static_cast<std::size_t>(n));
            ended = n == 0 || (errno != EAGAIN && errno != EINTR);
            return ended;
        }));
        return bytes;
    }
};

/// The close frame that `bytes` end with.
std::string close_frame(std::uint16_t code) { return {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)}; }

}  // namespace

TEST_CASE("upstream: a pool is up when all its lanes are attached", "[proxy][upstream]") {
    Fixture f;
    CHECK_FALSE(f.proxy.connect());
    REQUIRE(f.link());
    CHECK(f.app.links() == 2);
    CHECK(f.proxy.app_server().lanes_up == 2);
    CHECK(f.proxy.app_server().last_error.empty());
    CHECK(f.proxy.connect());
}

TEST_CASE("upstream: each worker announces the lanes of all, and attaches its own", "[proxy][upstream]") {
    struct Row {
        unsigned pool_size, workers, worker, lanes, announced;
    };
    const auto row = GENERATE(
        values<Row>({{5, 1, 0, 5, 5}, {5, 2, 0, 3, 5}, {5, 2, 1, 2, 5}, {1, 3, 2, 1, 3}, {256, 1, 0, 256, 256}}));
    CAPTURE(row.pool_size, row.workers, row.worker);
    const auto path = tests::socket_path();
    tests::ProxyWorker proxy(path, {"test:1", protocol::Epoch{7}, row.worker, row.workers});
    proxy.settings().upstreams[0].pool_size = row.pool_size;
    FakeApp app(proxy.loop(), path);
    proxy.upstream().start();
    REQUIRE(proxy.run_until([&] { return proxy.app_server().state == AppServerState::linked; }));
    CHECK(app.links() == row.lanes);
    CHECK(app.attach().lanes == row.lanes);
    CHECK(app.proxy_hello().pool_size == row.announced);
    CHECK(app.proxy_hello().workers == row.workers);
    CHECK(app.proxy_hello().worker == row.worker);
}

TEST_CASE("upstream: several epochs behind one address are refused by its name", "[proxy][upstream]") {
    Fixture f;
    std::uint64_t epoch = 0;
    f.app.on_accept = [&] { f.app.hello().epoch = protocol::Epoch{++epoch}; };
    f.proxy.upstream().start();
    REQUIRE(f.proxy.run_until([&] { return !f.proxy.app_server().last_error.empty(); }));
    CHECK(f.proxy.app_server().state == AppServerState::failed);
    CHECK(f.proxy.app_server().last_error.find("unix://" + f.path) != std::string::npos);
    CHECK_FALSE(f.proxy.connect());
}

TEST_CASE("upstream: the loss of one link ends its pool and makes a new one", "[proxy][upstream]") {
    Fixture f;
    REQUIRE(f.link());
    auto client = f.proxy.connect();
    REQUIRE(client);
    std::optional<protocol::ByeCode> bye;
    f.app.on_bye = [&](FakeApp::Lane&, const protocol::Bye& message) { bye = message.code; };

    f.app.lanes()[0]->link->close();
    const auto bytes = f.drain(*client);
    CHECK(bytes.find(close_frame(1012)) != std::string::npos);
    CHECK(f.proxy.counters().closes(proxy::CloseReason::app_server_lost).value() == 1);
    CHECK(f.proxy.run_until([&] { return bye.has_value(); }));
    CHECK(bye == protocol::ByeCode::link_lost);
    REQUIRE(f.proxy.run_until([&] { return f.proxy.app_server().state == AppServerState::linked; }));
    CHECK(f.proxy.connect());
}

TEST_CASE("upstream: a frame that cannot be ends the pool and is named with its offset", "[proxy][upstream]") {
    Fixture f;
    REQUIRE(f.link());
    const auto which = GENERATE(as<std::string>{}, "chan never opened", "chan 0", "not MessagePack", "above the limit");
    CAPTURE(which);
    auto client = f.proxy.connect();
    REQUIRE(client);
    FakeApp::Lane& lane = *f.app.lanes()[0];
    // One good frame first, so that the offset says something.
    f.app.send(lane, protocol::BroadcastData{{}, {}});
    const auto offset = lane.lane.held_bytes();
    if (which == "chan never opened") {
        f.app.send(lane, protocol::Data{protocol::Chan{7}, protocol::PayloadKind::text, "x"});
    } else if (which == "chan 0") {
        f.app.send(lane, protocol::Data{protocol::Chan{0}, protocol::PayloadKind::text, "x"});
    } else if (which == "not MessagePack") {
        lane.send(std::string("\x03\x93\x6e\xc1", 4));
    } else {
        f.app.send(lane, protocol::Ack{~0ull >> 1, 0, 0});
    }
    REQUIRE(f.proxy.run_until([&] { return !f.proxy.app_server().last_error.empty(); }));
    const auto error = f.proxy.app_server().last_error;
    CAPTURE(error);
    CHECK(error.find(" at offset ") != std::string::npos);
    if (which != "above the limit") CHECK(error.find(" at offset " + std::to_string(offset)) != std::string::npos);
    CHECK(f.drain(*client).find(close_frame(1012)) != std::string::npos);
}

TEST_CASE("upstream: a pool may end under a session that is still closing", "[proxy][upstream]") {
    Fixture f;
    REQUIRE(f.link());
    auto client = f.proxy.connect();
    REQUIRE(client);
    std::optional<protocol::Chan> chan;
    f.app.on_open = [&](FakeApp::Lane& lane, const protocol::Open& open) {
        chan = open.chan;
        f.app.send(lane, protocol::Close{open.chan, 4000, "go", protocol::CloseBy::app});
    };
    REQUIRE(f.proxy.run_until([&] { return chan.has_value(); }));
    REQUIRE(f.proxy.run_until([&] { return f.proxy.upstream().connections().directory.size() == 0; }));
    REQUIRE(f.proxy.sessions().size() == 1);  // the client does not answer the close frame

    for (const auto& lane : f.app.lanes()) lane->link->close();
    CHECK(f.proxy.run_until([&] { return f.proxy.app_server().state != AppServerState::linked; }));
    CHECK(f.proxy.run_until([&] { return f.proxy.sessions().size() == 0; }));
    CHECK(f.drain(*client).find(close_frame(4000)) != std::string::npos);
    CHECK(f.proxy.counters().closes(proxy::CloseReason::app_closed).value() == 1);
}

TEST_CASE("upstream: a pool that ends says what was handled before it says Bye", "[proxy][upstream]") {
    Fixture f;
    f.proxy.settings().links.ack_delay = std::chrono::hours(1);
    FakeApp::Lane* home = nullptr;
    std::optional<std::uint64_t> held_at_bye;
    f.app.on_open = [&](FakeApp::Lane& lane, const protocol::Open& open) {
        home = &lane;
        f.app.send(lane, protocol::Data{open.chan, protocol::PayloadKind::text, "x"});
    };
    f.app.on_bye = [&](FakeApp::Lane& lane, const protocol::Bye&) {
        if (&lane == home) held_at_bye = lane.lane.held_bytes();
    };
    REQUIRE(f.link());
    auto client = f.proxy.connect();
    REQUIRE(client);
    REQUIRE(f.proxy.run_until([&] { return f.proxy.counters().messages(proxy::Direction::to_client) == 1; }));
    CHECK(home->lane.held_bytes() != 0);
    f.proxy.upstream().stop();
    REQUIRE(f.proxy.run_until([&] { return held_at_bye.has_value(); }));
    CHECK(held_at_bye == 0u);
}

TEST_CASE("upstream: an Attached that does not fit ends the pool, which the app server may not know",
          "[proxy][upstream]") {
    Fixture f;
    f.proxy.settings().upstreams[0].when_lost = {std::chrono::milliseconds(1), config::ThenLost::close};
    f.app.hello().features = {protocol::kFeatureResume};
    FakeApp::Lane* home = nullptr;
    f.app.on_open = [&](FakeApp::Lane& lane, const protocol::Open&) { home = &lane; };
    REQUIRE(f.link());
    auto client = f.proxy.connect();
    REQUIRE(client);
    REQUIRE(f.proxy.run_until([&] { return home != nullptr && f.proxy.upstream().ring_bytes() == 0; }));

    const std::size_t links = f.app.lanes().size();
    std::optional<protocol::ByeCode> bye;
    f.app.on_bye = [&](FakeApp::Lane& lane, const protocol::Bye& message) {
        if (&lane == f.app.lanes()[links].get()) bye = message.code;
    };
    f.app.hello().max_frame = 1;  // a new pool is refused
    home->link->close();          // the next one says that nothing was received
    REQUIRE(f.proxy.run_until([&] { return bye.has_value(); }));
    CHECK(bye == protocol::ByeCode::bad_offset);
    CHECK(f.proxy.counters().pools_ended.value() == 1);
    f.proxy.loop().run_for(std::chrono::milliseconds(50));
    CHECK(f.proxy.counters().held_connections.value() == 1);  // until it has ended at the app server for sure
}

TEST_CASE("upstream: a pool that another life of its app server took the place of is counted when it ends",
          "[proxy][upstream]") {
    Fixture f;
    f.proxy.settings().links.dead_after = std::chrono::milliseconds(200);
    f.proxy.settings().links.resume_window = std::chrono::milliseconds(600);
    f.proxy.settings().upstreams[0].when_lost = {std::chrono::milliseconds(0), config::ThenLost::close};
    f.app.hello().features = {protocol::kFeatureResume};
    REQUIRE(f.link());
    auto client = f.proxy.connect();
    REQUIRE(client);
    f.app.hello().epoch = protocol::Epoch{0x5678};  // the next links; those of before fall silent
    CHECK(f.drain(*client).find(close_frame(1012)) != std::string::npos);
    CHECK(f.proxy.counters().pools_ended.value() != 0);
}

TEST_CASE("upstream: a draining app server is told of the clients that have to leave it", "[proxy][upstream]") {
    Fixture f;
    f.proxy.settings().upstreams[0].when_lost = {std::chrono::milliseconds(0), config::ThenLost::close};
    f.app.hello().features = {protocol::kFeatureResume, protocol::kFeatureMigrate};
    std::optional<protocol::Close> told;
    f.app.on_close = [&](FakeApp::Lane&, const protocol::Close& close) { told = close; };
    REQUIRE(f.link());
    auto client = f.proxy.connect();
    REQUIRE(client);
    for (const auto& lane : f.app.lanes()) f.app.send(*lane, protocol::Drain{0});
    REQUIRE(f.proxy.run_until([&] { return told.has_value(); }));
    CHECK(told->code == 1012);
    CHECK(told->by == protocol::CloseBy::proxy);
    CHECK(f.drain(*client).find(close_frame(1012)) != std::string::npos);
}

TEST_CASE("upstream: clients that are held are not given up while their lanes are only busy", "[proxy][upstream]") {
    constexpr std::chrono::milliseconds kHold{100};
    constexpr std::size_t kClients = 100;
    Fixture f;
    f.proxy.settings().upstreams[0].when_lost = {kHold, config::ThenLost::close};
    f.proxy.settings().links.ring_bytes = 1 << 10;  // a few Opens
    f.app.hello().features = {protocol::kFeatureResume};
    const auto held = [&] { return static_cast<std::size_t>(f.proxy.counters().held_connections.value()); };
    std::size_t opens = 0;
    f.app.on_open = [&](FakeApp::Lane&, const protocol::Open&) { ++opens; };
    REQUIRE(f.link());
    std::vector<net::UniqueFd> clients;
    REQUIRE(f.proxy.run_until([&] {
        if (auto client = f.proxy.connect()) clients.push_back(std::move(*client));
        return clients.size() == kClients;
    }));
    REQUIRE(f.proxy.run_until([&] { return opens == kClients; }));

    f.app.is_busy = true;
    protocol::Buffer bye;
    append(bye, protocol::Bye{protocol::ByeCode::bad_frame, "test"});
    f.app.lanes()[0]->lane.close(bye);
    f.app.lanes()[0]->link->touch();
    REQUIRE(f.proxy.run_until([&] { return held() != 0; }));
    REQUIRE(f.proxy.run_until([&] { return held() < kClients; }));
    const auto given_up_at = net::Clock::now() + 2 * kHold;
    REQUIRE(f.proxy.run_until([&] { return net::Clock::now() > given_up_at; }));
    CHECK(held() > 0);
    CHECK(f.proxy.sessions().size() == kClients);

    f.app.go_on();
    CHECK(f.proxy.run_until([&] { return opens == 2 * kClients; }));
    CHECK(f.proxy.sessions().size() == kClients);
}

TEST_CASE("upstream: a stop counts what an app server had not handled, of a pool that ended before too",
          "[proxy][upstream]") {
    Fixture f;
    f.proxy.settings().upstreams[0].when_lost = {std::chrono::seconds(30), config::ThenLost::close};
    f.app.hello().features = {protocol::kFeatureResume};
    FakeApp::Lane* home = nullptr;
    f.app.on_open = [&](FakeApp::Lane& lane, const protocol::Open&) { home = &lane; };
    REQUIRE(f.link());
    auto client = f.proxy.connect();
    REQUIRE(client);
    REQUIRE(f.proxy.run_until([&] { return home != nullptr; }));
    f.app.is_busy = true;
    const std::string_view text("\x81\x81\0\0\0\0x", 7);
    REQUIRE(::send(client->get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    REQUIRE(f.proxy.run_until([&] { return home->lane.has_waiting(); }));

    const auto has_ended_before = GENERATE(false, true);
    CAPTURE(has_ended_before);
    if (has_ended_before) {  // and the app server has not said that it knows
        home->send(std::string("\x03\x93\x6e\xc1", 4));
        REQUIRE(f.proxy.run_until([&] { return f.proxy.counters().held_connections.value() == 1; }));
    }
    f.proxy.upstream().stop();
    CHECK(f.proxy.counters().drops(proxy::DropReason::app_server_lost).value() == 1);
}
