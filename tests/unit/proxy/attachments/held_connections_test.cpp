// What becomes of clients whose app server is lost, with app servers that do as they are told.
#include "proxy/attachments/held_connections.hpp"

#include <catch2/catch.hpp>

#include "tests/support/fake_app.hpp"
#include "tests/support/proxy_worker.hpp"

using namespace std::chrono_literals;
using namespace trunkline;
using config::ThenLost;
using proxy::CloseReason;
using proxy::DropReason;
using tests::FakeApp;

namespace {

constexpr std::uint32_t kRefused = 1;  // the longest frame of an app server that no proxy takes

struct Fixture {
    explicit Fixture(const config::WhenLostSettings& policy) {
        proxy.settings().upstreams[0].when_lost = policy;
        proxy.upstream().start();
    }

    /// An app server that writes down what it hears. The proxy links with it as soon as it listens.
    struct App {
        App(net::Loop& loop, const std::string& path, std::uint64_t epoch) : server(loop, path) {
            server.hello().epoch = protocol::Epoch{epoch};
            server.hello().name = path;
            server.hello().features = {protocol::kFeatureResume, protocol::kFeatureResize};
            server.on_open = [this](FakeApp::Lane& lane, const protocol::Open& open) {
                home = &lane;
                opened_at = net::Clock::now();
                heard.push_back("open " + std::to_string(static_cast<int>(open.why)));
            };
            server.on_data = [this](FakeApp::Lane&, const protocol::Data& data) {
                heard.push_back(std::string(data.payload) + (data.redelivered ? " again" : ""));
            };
            server.on_close = [this](FakeApp::Lane&, const protocol::Close& close) {
                heard.push_back("close " + std::to_string(close.code));
            };
        }
        /// Whether it has what it does not handle.
        bool has_waiting() const { return home != nullptr && home->lane.has_waiting(); }

        FakeApp server;
        FakeApp::Lane* home = nullptr;  ///< of the newest connection
        net::Clock::time_point opened_at{};
        std::vector<std::string> heard{};
    };

    net::UniqueFd client() {
        std::optional<net::UniqueFd> client;
        REQUIRE(proxy.run_until([&] { return (client = proxy.connect()).has_value(); }));
        REQUIRE(proxy.run_until([&] { return app.home != nullptr; }));
        return std::move(*client);
    }
    void say(const net::UniqueFd& client, char letter) {
        const std::string text = std::string("\x81\x81\0\0\0\0", 6) + letter;
        REQUIRE(::send(client.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    }
    /// The app server ends its pool, and is taken back only when it comes back.
    void lose() {
        app.server.hello().max_frame = kRefused;
        protocol::Buffer bye;
        append(bye, protocol::Bye{protocol::ByeCode::bad_frame, "test"});
        const auto ended = counters().pools_ended.value();
        app.home->lane.close(bye);
        app.home->link->touch();
        REQUIRE(proxy.run_until([&] { return counters().pools_ended.value() > ended; }));
        app.home = nullptr;
    }
    void come_back() { app.server.hello().max_frame = 0; }
    proxy::WorkerCounters& counters() { return proxy.counters(); }
    std::int64_t held() { return counters().held_connections.value(); }
    bool is_nothing_kept() {
        return held() == 0 && counters().held_messages.value() == 0 && counters().held_bytes.value() == 0;
    }

    const std::string path = tests::socket_path();
    const std::string other_path = path + ".other";
    tests::ProxyWorker proxy{path, {}, other_path};
    App app{proxy.loop(), path, 0x1234};
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("HeldConnections: who stays is served again, with all that nobody has handled", "[proxy][held]") {
    Fixture f({30s, ThenLost::close});
    const auto client = f.client();
    f.app.server.is_busy = true;
    f.say(client, 'a');
    REQUIRE(f.proxy.run_until([&] { return f.app.has_waiting(); }));
    f.lose();
    CHECK(f.held() == 1);
    f.say(client, 'b');
    REQUIRE(f.proxy.run_until([&] { return f.counters().held_messages.value() == 2; }));
    CHECK(f.counters().held_bytes.value() == 2 * (sizeof(proxy::HeldMessage) + 1));

    f.app.server.is_busy = false;
    f.come_back();
    REQUIRE(f.proxy.run_until([&] { return f.app.heard.size() == 4; }));
    CHECK(f.app.heard == Lines{"open 0", "open 1", "a again", "b"});
    CHECK(f.is_nothing_kept());
    CHECK(f.counters().redelivered.value() == 1);
    CHECK(f.counters().drops(DropReason::app_server_lost).value() == 0);
}

TEST_CASE("HeldConnections: another app server has to wait until the time is over", "[proxy][held]") {
    constexpr auto kHold = 100ms;
    Fixture f({kHold, ThenLost::reassign});
    const auto client = f.client();
    Fixture::App other(f.proxy.loop(), f.other_path, 0x5678);
    REQUIRE(f.proxy.run_until([&] { return other.server.links() == 2; }));
    const auto lost_at = net::Clock::now();
    f.lose();
    f.say(client, 'a');
    REQUIRE(f.proxy.run_until([&] { return other.heard.size() == 2; }));
    CHECK(other.heard == Lines{"open 1", "a"});
    CHECK(other.opened_at - lost_at >= kHold);
    CHECK(f.is_nothing_kept());
}

TEST_CASE("HeldConnections: who has waited for nobody is closed", "[proxy][held]") {
    Fixture f({20ms, GENERATE(ThenLost::close, ThenLost::reassign)});
    const auto client = f.client();
    f.app.server.is_busy = true;
    f.say(client, 'a');
    REQUIRE(f.proxy.run_until([&] { return f.app.has_waiting(); }));
    f.lose();
    REQUIRE(f.proxy.run_until([&] { return f.proxy.sessions().size() == 0; }));
    CHECK(f.counters().closes(CloseReason::app_server_lost).value() == 1);
    CHECK(f.counters().drops(DropReason::app_server_lost).value() == 1);
    CHECK(f.is_nothing_kept());
}

TEST_CASE("HeldConnections: who leaves is heard to the end, or forgotten if there is nothing to hear",
          "[proxy][held]") {
    Fixture f({30s, ThenLost::close});
    auto client = f.client();
    f.lose();
    const auto says_something = GENERATE(false, true);
    CAPTURE(says_something);
    if (says_something) {
        f.say(client, 'a');
        REQUIRE(f.proxy.run_until([&] { return f.counters().held_messages.value() == 1; }));
    }
    client.reset();
    REQUIRE(f.proxy.run_until([&] { return f.proxy.sessions().size() == 0; }));
    CHECK(f.held() == (says_something ? 1 : 0));

    f.come_back();
    if (says_something) {
        REQUIRE(f.proxy.run_until([&] { return f.app.heard.size() == 4; }));
        CHECK(f.app.heard == Lines{"open 0", "open 1", "a", "close 1006"});
    } else {
        const auto next = f.client();
        CHECK(f.app.heard == Lines{"open 0", "open 0"});
    }
    CHECK(f.is_nothing_kept());
}

TEST_CASE("HeldConnections: a message that two app servers were lost with goes to no third", "[proxy][held]") {
    Fixture f({30s, ThenLost::close});
    const auto client = f.client();
    f.app.server.is_busy = true;
    f.say(client, 'a');
    REQUIRE(f.proxy.run_until([&] { return f.app.has_waiting(); }));
    f.lose();
    f.come_back();
    REQUIRE(f.proxy.run_until([&] { return f.counters().redelivered.value() == 1; }));
    REQUIRE(f.proxy.run_until([&] {
        for (const auto& lane : f.app.server.lanes()) {
            if (lane->link && lane->lane.has_waiting()) f.app.home = lane.get();
        }
        return f.app.has_waiting();
    }));
    f.lose();
    REQUIRE(f.proxy.run_until([&] { return f.proxy.sessions().size() == 0; }));
    CHECK(f.counters().closes(CloseReason::redelivered_twice).value() == 1);
    CHECK(f.is_nothing_kept());
}

TEST_CASE("HeldConnections: a new life takes over when every proxy had time to link to it", "[proxy][held]") {
    Fixture f({30s, ThenLost::close});
    const auto client = f.client();
    f.app.server.is_busy = true;
    f.say(client, 'a');
    REQUIRE(f.proxy.run_until([&] { return f.app.has_waiting(); }));
    const auto lost_at = net::Clock::now();
    f.lose();
    f.app.server.is_busy = false;
    f.app.server.hello().epoch = protocol::Epoch{0x4321};
    f.come_back();
    REQUIRE(f.proxy.run_until([&] { return f.app.heard.size() == 3; }));
    CHECK(f.app.heard == Lines{"open 0", "open 1", "a again"});
    CHECK(f.app.opened_at - lost_at >= f.proxy.settings().links.redial_max * 3 / 2);
}

TEST_CASE("HeldConnections: what was said before a resize is handed on before the rest", "[proxy][held]") {
    Fixture f({30s, ThenLost::close});
    const auto first = f.client();
    const auto second = f.client();  // at home on lane 1, then on lane 0
    REQUIRE(f.proxy.run_until([&] { return f.app.heard.size() == 2; }));
    f.app.server.is_busy = true;
    f.say(second, 'a');
    REQUIRE(f.proxy.run_until([&] { return f.app.has_waiting(); }));
    f.proxy.upstream().resize(1);
    f.say(second, 'b');
    const auto& lane = f.app.server.lanes()[0]->lane;
    REQUIRE(f.proxy.run_until([&] { return lane.has_waiting() && lane.received() > lane.handled() + 6; }));
    f.lose();
    f.app.server.is_busy = false;
    f.come_back();
    REQUIRE(f.proxy.run_until([&] { return f.app.heard.size() == 6; }));
    CHECK(f.app.heard == Lines{"open 0", "open 0", "open 1", "open 1", "a again", "b again"});
    CHECK(f.is_nothing_kept());
}

TEST_CASE("HeldConnections: a stop ends them, and counts what they had said", "[proxy][held]") {
    Fixture f({30s, ThenLost::close});
    const auto client = f.client();
    f.lose();
    f.say(client, 'a');
    REQUIRE(f.proxy.run_until([&] { return f.counters().held_messages.value() == 1; }));
    f.proxy.upstream().stop();
    CHECK(f.is_nothing_kept());
    CHECK(f.counters().closes(CloseReason::draining).value() == 1);
    CHECK(f.counters().drops(DropReason::app_server_lost).value() == 1);
}
