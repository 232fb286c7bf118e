// A session's deadlines, its pauses and its bounds, between a raw client and an app server on the same loop.
#include "proxy/clients/session.hpp"

#include <sys/socket.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <span>
#include <thread>

#include "tests/support/fake_app.hpp"
#include "tests/support/proxy_worker.hpp"

using namespace trunkline;
using namespace std::chrono_literals;
using proxy::CloseReason;
using tests::FakeApp;

namespace {

/// A masked frame (RFC 6455 §5.2), the mask being zero.
std::string client_frame(char first_byte, std::string_view payload) {
    std::string frame{first_byte, static_cast<char>(0x80 | payload.size()), 0, 0, 0, 0};
    return frame.append(payload);
}
std::string text_frame(std::string_view text) { return client_frame('\x81', text); }

struct Fixture {
    explicit Fixture(const std::function<void(config::Settings&)>& configure = [](config::Settings&) {}) {
        configure(proxy.settings());
        app.on_open = [this](FakeApp::Lane& lane, const protocol::Open& open) {
            home = &lane;
            chan = open.chan;
        };
        app.on_data = [this](FakeApp::Lane&, const protocol::Data& data) { handled.emplace_back(data.payload); };
        app.on_close = [this](FakeApp::Lane&, const protocol::Close& close) { closes.push_back(close.code); };
        app.on_backlog = [this](FakeApp::Lane&, const protocol::Backlog& backlog) { backlogs.push_back(backlog.on); };
        proxy.upstream().start();
        REQUIRE(proxy.run_until([&] { return (client = proxy.connect()).has_value(); }));
        REQUIRE(proxy.run_until([&] { return home != nullptr; }));
    }

    void send(std::string_view bytes) {
        REQUIRE(::send(client->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    }
    void pause(bool on) { app.send(*home, protocol::Pause{chan, on}); }
    void deliver(std::size_t bytes) {
        app.send(*home, protocol::Data{chan, protocol::PayloadKind::binary, std::string(bytes, 'x')});
    }
    /// Takes what has come for the client; true once the stream has ended.
    bool take() {
        char block[65536];
        ssize_t n = 0;
        while ((n = ::recv(client->get(), block, sizeof block, 0)) > 0)
            received.append(block, static_cast<std::size_t>(n));
        return n == 0 || (errno != EAGAIN && errno != EINTR);
    }
    bool ends() {
        return proxy.run_until([&] { return take(); });
    }
    /// Lets the loop live so long, but for as many turns as it needs to take what is there already, and says how often
    /// it woke.
    int live(net::Clock::duration time) {
        constexpr int kLeast = 8;
        int turns = 0;
        for (const auto until = net::Clock::now() + time; net::Clock::now() < until || turns < kLeast; ++turns)
            proxy.loop().run_for(5ms);
        return turns;
    }
    std::uint64_t closed(CloseReason why) { return proxy.counters().closes(why).value(); }
    bool was_told(std::uint16_t code) const {
        const std::string frame{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
        return received.find(frame) != std::string::npos;
    }

    const std::string path = tests::socket_path();
    tests::ProxyWorker proxy{path};
    FakeApp app{proxy.loop(), path};
    FakeApp::Lane* home = nullptr;
    protocol::Chan chan{};
    std::optional<net::UniqueFd> client;
    std::vector<std::string> handled;
    std::vector<std::uint16_t> closes;
    std::vector<bool> backlogs;
    std::string received;
};

/// Its client's upgrade waits for the app's answer.
struct Asking : Fixture {
    explicit Asking(std::chrono::milliseconds ask_timeout)
        : Fixture([=](config::Settings& s) {
              s.routes[0].ask = true;
              s.routes[0].ask_timeout = ask_timeout;
          }) {}

    void expect_nothing_left() {
        CHECK(proxy.run_until([&] { return proxy.sessions().size() == 0; }));
        CHECK(handled.empty());
        CHECK(proxy.counters().upstream("test").opens.value() == 0);
    }
};

}  // namespace

TEST_CASE("session: a message that does not end in time closes its client", "[proxy][session]") {
    Fixture f([](config::Settings& s) { s.timeouts.message = 60ms; });
    f.send(client_frame('\x01', "begun, "));
    REQUIRE(f.ends());
    CHECK(f.closed(CloseReason::message_timeout) == 1);
    CHECK(f.was_told(1008));
    CHECK(f.handled.empty());
    CHECK(f.proxy.run_until([&] { return f.closes.size() == 1; }));
}

TEST_CASE("session: each message has its own time", "[proxy][session]") {
    // Always one message under way, none of them for long.
    Fixture f([](config::Settings& s) { s.timeouts.message = 1s; });
    f.send(client_frame('\x01', "0"));
    std::size_t ended = 0;
    for (const auto until = net::Clock::now() + 1500ms; net::Clock::now() < until; ++ended) {
        f.live(20ms);
        f.send(client_frame('\x80', "end") + client_frame('\x01', "next"));
    }
    CHECK(f.proxy.run_until([&] { return f.handled.size() == ended; }));
    CHECK(f.closed(CloseReason::message_timeout) == 0);
    REQUIRE(f.ends());  // and the last one never ends
    CHECK(f.closed(CloseReason::message_timeout) == 1);
}

TEST_CASE("session: only messages count against the idle timeout", "[proxy][session]") {
    const auto what = GENERATE(as<std::string>{}, "pings", "messages to the app", "messages to the client");
    CAPTURE(what);
    Fixture f([](config::Settings& s) { s.routes[0].idle_timeout = 1s; });
    const auto until = net::Clock::now() + (what == "pings" ? 10s : 1500ms);
    while (net::Clock::now() < until && f.closed(CloseReason::idle_timeout) == 0) {
        if (what == "pings") f.send(client_frame('\x89', ""));
        if (what == "messages to the app") f.send(text_frame("x"));
        if (what == "messages to the client") f.deliver(1);
        f.live(20ms);
    }
    CHECK(f.closed(CloseReason::idle_timeout) == (what == "pings" ? 1 : 0));
}

TEST_CASE("session: a client is asked to come back at its age, whatever it does", "[proxy][session]") {
    const bool is_paused = GENERATE(false, true);
    const auto begin = net::Clock::now();
    Fixture f([](config::Settings& s) { s.max_connection_age = 500ms; });
    f.pause(is_paused);
    while (!f.take() && net::Clock::now() - begin < 10s) {
        if (!is_paused) f.send(text_frame("x"));
        f.live(10ms);
    }
    CHECK(f.closed(CloseReason::max_connection_age) == 1);
    CHECK(f.was_told(1012));
    CHECK(net::Clock::now() - begin >= 450ms);
    CHECK(f.proxy.run_until([&] { return f.closes == std::vector<std::uint16_t>{1012}; }));
}

TEST_CASE("session: a silent client is pinged, and closed without a pong", "[proxy][session]") {
    Fixture f([](config::Settings& s) {
        s.timeouts.ping = 20ms;
        s.timeouts.pong = 1s;
    });
    const std::string ping("\x89\0", 2);
    REQUIRE(f.proxy.run_until([&] { return f.take() || f.received.find(ping) != std::string::npos; }));
    SECTION("any byte will do") {
        const auto until = net::Clock::now() + 1500ms;
        while (net::Clock::now() < until) {
            f.send(client_frame('\x8a', ""));
            f.live(40ms);
        }
        CHECK(f.closed(CloseReason::pong_timeout) == 0);
    }
    SECTION("none comes") {
        REQUIRE(f.ends());
        CHECK(f.closed(CloseReason::pong_timeout) == 1);
    }
}

TEST_CASE("session: while the app pauses a client nothing of it is read, nor held against it", "[proxy][session]") {
    Fixture f([](config::Settings& s) {
        s.timeouts.message = s.timeouts.ping = s.timeouts.pong = s.routes[0].idle_timeout = 500ms;
    });
    f.pause(true);
    f.live(20ms);
    std::string sent = client_frame('\x01', "in two ");
    for (int i = 0; i < 50; ++i) {
        f.send(sent + (i == 0 ? client_frame('\x80', "frames") : text_frame(std::to_string(i))));
        sent.clear();
    }
    CHECK(f.live(1500ms) < 2000);  // it waits, it does not spin
    CHECK(f.handled.empty());
    CHECK(f.closed(CloseReason::message_timeout) + f.closed(CloseReason::idle_timeout) +
              f.closed(CloseReason::pong_timeout) ==
          0);
    f.pause(false);
    REQUIRE(f.proxy.run_until([&] { return f.handled.size() == 50; }));
    CHECK(f.handled[0] == "in two frames");
    for (std::size_t i = 1; i < 50; ++i) CHECK(f.handled[i] == std::to_string(i));
}

TEST_CASE("session: one client may not fill the lane of all", "[proxy][session]") {
    Fixture f([](config::Settings& s) { s.upstreams[0].pool_size = 1; });
    auto other = f.proxy.connect();
    REQUIRE(other);
    f.app.is_busy = true;
    constexpr int kMessages = 80'000;
    std::thread hog([&] {
        for (int i = 0; i < kMessages;) {
            std::string burst;
            for (int n = 0; n < 500 && i < kMessages; ++n) burst += text_frame(std::to_string(i++));
            for (std::string_view rest = burst; !rest.empty();) {
                const auto n = ::send(f.client->get(), rest.data(), rest.size(), MSG_NOSIGNAL);
                if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
                if (n < 0) std::this_thread::yield();
            }
        }
    });
    f.live(200ms);
    // What the app has to do before it comes to the other's message.
    const auto waiting = f.proxy.counters().messages(proxy::Direction::to_app);
    CHECK(waiting > 1000);
    CHECK(waiting < 35'000);  // its share, and what one read may bring beyond it
    const auto frame = text_frame("from the other");
    REQUIRE(::send(other->get(), frame.data(), frame.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size()));
    REQUIRE(f.proxy.run_until([&] { return f.proxy.counters().messages(proxy::Direction::to_app) == waiting + 1; }));

    f.app.go_on();
    const bool all = f.proxy.run_until([&] { return f.handled.size() == kMessages + 1; });
    CHECK(all);
    hog.join();
    REQUIRE(f.handled.size() == kMessages + 1);
    int next = 0;
    for (const auto& text : f.handled) {
        if (text != "from the other") REQUIRE(text == std::to_string(next++));
    }
}

TEST_CASE("session: a client that leaves while it is paused is gone at once", "[proxy][session]") {
    Fixture f;
    f.pause(true);
    f.live(20ms);
    f.client.reset();
    REQUIRE(f.proxy.run_until([&] { return f.closes.size() == 1; }));
    CHECK(f.proxy.run_until([&] { return f.proxy.sessions().size() == 0; }));
}

TEST_CASE("session: the app hears of a backlog above a quarter of the outbox, and of its end", "[proxy][session]") {
    Fixture f([](config::Settings& s) { s.limits.outbox_bytes = 4 << 20; });
    // More than the kernel keeps for the client's socket and a quarter of the outbox.
    for (int i = 0; i < 16; ++i) f.deliver(128 << 10);
    REQUIRE(f.proxy.run_until([&] { return !f.backlogs.empty(); }));
    CHECK(f.backlogs == std::vector<bool>{true});
    REQUIRE(f.proxy.run_until([&] { return f.take() || f.backlogs.size() == 2; }));
    CHECK(f.backlogs == std::vector<bool>{true, false});
    REQUIRE(f.proxy.run_until([&] { return f.take() || f.received.size() > (16 << 17); }));
    CHECK(f.proxy.counters().outbox_bytes.value() == 0);
}

TEST_CASE("session: a client that takes too little too long is closed", "[proxy][session]") {
    SECTION("more than the outbox holds") {
        Fixture f([](config::Settings& s) { s.limits.outbox_bytes = 256 << 10; });
        for (int i = 0; i < 32; ++i) f.deliver(64 << 10);
        REQUIRE(f.proxy.run_until([&] { return f.closed(CloseReason::outbox_full) == 1; }));
        REQUIRE(f.ends());
        CHECK(f.was_told(1013));
        CHECK(f.proxy.counters().drops(proxy::DropReason::outbox_discarded).value() > 0);
    }
    SECTION("nothing for the time allowed") {
        Fixture f([](config::Settings& s) { s.timeouts.write_progress = 80ms; });
        for (int i = 0; i < 8; ++i) f.deliver(64 << 10);
        REQUIRE(f.proxy.run_until([&] { return f.closed(CloseReason::write_stalled) == 1; }));
        CHECK(f.proxy.run_until([&] { return f.proxy.sessions().size() == 0; }));
        CHECK(f.proxy.counters().outbox_bytes.value() == 0);
    }
}

TEST_CASE("session: a client whose app does not answer in time gets 503", "[proxy][session]") {
    Asking f(100ms);
    REQUIRE(f.ends());
    CHECK(f.received.starts_with("HTTP/1.1 503"));
    CHECK(f.received.find("Retry-After") != std::string::npos);
    f.expect_nothing_left();
}

TEST_CASE("session: while the app is asked the client may only wait or leave", "[proxy][session]") {
    Asking f(60s);
    SECTION("refused") {
        f.app.send(*f.home, protocol::Close{f.chan, 401, "who are you", protocol::CloseBy::app});
        REQUIRE(f.ends());
        CHECK(f.received.starts_with("HTTP/1.1 401"));
    }
    SECTION("refused with what is no refusal") {
        f.app.send(*f.home, protocol::Close{f.chan, 200, "", protocol::CloseBy::app});
        REQUIRE(f.ends());
        CHECK(f.received.starts_with("HTTP/1.1 403"));
    }
    SECTION("speaks too early") {
        f.send(text_frame("now"));
        REQUIRE(f.ends());
        CHECK(f.received.starts_with("HTTP/1.1 400"));
    }
    SECTION("leaves") {
        f.client.reset();
        REQUIRE(f.proxy.run_until([&] { return f.closes.size() == 1; }));
        f.app.send(*f.home, protocol::Accept{f.chan, {}, {}, {}});  // too late, and harmless
        f.live(20ms);
        CHECK(f.closes.size() == 1);
    }
    f.expect_nothing_left();
}

namespace {

/// A client that does not read yet, on a route with a policy: 64 KiB may wait for it. All messages are of 8 KiB and
/// carry a number.
struct Slow : Fixture {
    static constexpr std::size_t kBytes = 8 << 10;

    explicit Slow(config::OutboxPolicy policy)
        : Fixture([policy](config::Settings& s) {
              s.routes[0].outbox_policy = policy;
              s.limits.outbox_bytes = 64 << 10;
          }) {}

    void fan_out(int number, std::size_t bytes = kBytes) {
        const auto message = text(number, bytes);
        const protocol::PayloadMap::Entry payload{"text", message};
        app.send(*home, protocol::BroadcastData{{}, protocol::PayloadMap(std::span(&payload, 1))});
        sent.push_back(number);
    }
    void send_own(int number) {
        app.send(*home, protocol::Data{chan, protocol::PayloadKind::text, text(number, kBytes)});
        sent.push_back(number);
    }
    std::uint64_t dropped() { return proxy.counters().drops(proxy::DropReason::outbox_policy).value(); }

    /// The numbers of the messages that came, all of them whole.
    std::vector<int> numbers() {
        std::vector<int> found;
        std::string_view rest = received;
        const auto head = rest.find("\r\n\r\n");
        REQUIRE(head != rest.npos);
        for (rest.remove_prefix(head + 4); rest.size() >= 4 + kBytes; rest.remove_prefix(4 + kBytes)) {
            REQUIRE(rest.substr(0, 4) == std::string_view("\x81\x7e\x20\x00", 4));
            found.push_back(std::stoi(std::string(rest.substr(4, 8))));
            REQUIRE(rest.substr(4, kBytes) == text(found.back(), kBytes));
        }
        return found;
    }

    static std::string text(int number, std::size_t bytes) {
        auto begin = std::to_string(number) + " ";
        return begin.append(bytes - begin.size(), '.');
    }

    std::vector<int> sent;
};

}  // namespace

TEST_CASE("session: a slow client of a route that drops fan-outs stays, and misses some", "[proxy][session]") {
    const auto policy = GENERATE(config::OutboxPolicy::drop_newest, config::OutboxPolicy::drop_oldest);
    const bool is_newest = policy == config::OutboxPolicy::drop_newest;
    CAPTURE(is_newest);
    Slow f(policy);
    for (int number = 0; number < 60; ++number) f.fan_out(number);
    for (int number = 60; number < 64; ++number) f.send_own(number);  // room is made for these
    f.fan_out(64, 65 << 10);                                          // for this there is none, whatever is dropped
    REQUIRE(f.proxy.run_until([&] { return f.dropped() >= 5; }));
    f.live(20ms);
    const auto dropped = f.dropped();
    CHECK(f.proxy.counters().outbox_bytes.value() <= 64 << 10);
    REQUIRE(f.proxy.run_until([&] { return f.take() || f.numbers().size() + dropped == f.sent.size(); }));
    CHECK(f.dropped() == dropped);

    auto numbers = f.numbers();
    REQUIRE(numbers.size() > 10);
    CHECK(std::is_sorted(numbers.begin(), numbers.end()));
    CHECK(std::vector<int>(numbers.end() - 4, numbers.end()) == std::vector<int>{60, 61, 62, 63});
    numbers.resize(numbers.size() - 4);
    const int last = numbers.back();
    CHECK((is_newest ? last == static_cast<int>(numbers.size()) - 1 : last == 59));
    CHECK(numbers.front() == 0);  // it had begun

    f.fan_out(65);  // with room again nothing is dropped
    REQUIRE(f.proxy.run_until([&] { return f.take() || f.numbers().back() == 65; }));
    CHECK(f.dropped() == dropped);
    CHECK(f.closes.empty());
    CHECK(f.proxy.counters().outbox_bytes.value() == 0);
}

TEST_CASE("session: what is sent to a slow client alone is not dropped, so it is closed", "[proxy][session]") {
    const auto policy = GENERATE(config::OutboxPolicy::drop_newest, config::OutboxPolicy::drop_oldest);
    Slow f(policy);
    f.fan_out(0);
    for (int number = 1; number < 60; ++number) f.send_own(number);
    REQUIRE(f.proxy.run_until([&] { return f.closed(CloseReason::outbox_full) == 1; }));
    CHECK(f.dropped() <= 1);
    REQUIRE(f.ends());
    CHECK(f.was_told(1013));
}

TEST_CASE("session: nothing is dropped for what does not fit even then", "[proxy][session]") {
    Slow f(config::OutboxPolicy::drop_oldest);
    for (int number = 0; number < 60; ++number) f.fan_out(number);
    for (int number = 60; number < 64; ++number) f.send_own(number);  // half of what may wait
    REQUIRE(f.proxy.run_until([&] { return f.dropped() >= 5; }));
    f.live(20ms);
    const auto dropped = f.dropped();
    SECTION("a fan-out is dropped itself") {
        f.fan_out(64, 60 << 10);
        REQUIRE(f.proxy.run_until([&] { return f.dropped() > dropped; }));
        f.live(20ms);
        CHECK(f.dropped() == dropped + 1);
        REQUIRE(f.proxy.run_until([&] { return f.take() || f.numbers().size() + dropped + 1 == f.sent.size(); }));
    }
    SECTION("for a message of its own the client is closed") {
        f.app.send(*f.home, protocol::Data{f.chan, protocol::PayloadKind::text, Slow::text(64, 60 << 10)});
        REQUIRE(f.proxy.run_until([&] { return f.closed(CloseReason::outbox_full) == 1; }));
        CHECK(f.dropped() == dropped);
    }
}
