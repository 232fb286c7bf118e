#include "net/link/link.hpp"

#include <sys/socket.h>

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <vector>

#include "net/link/linked_lane.hpp"
#include "trunkline/protocol/service/encode.hpp"

using namespace trunkline;
using namespace trunkline::net;
using namespace std::chrono_literals;

namespace {

constexpr auto kForever = std::chrono::hours(1);

/// An Ack that is due takes along what lingers: here none is, after the first.
protocol::LaneSettings acks_after(std::chrono::milliseconds delay) {
    protocol::LaneSettings settings;
    settings.ack_delay = settings.keep_alive = delay;
    return settings;
}

/// One end of a link, with its lane and what came by it.
class End final : public LinkOwner {
  public:
    End(Loop& loop, protocol::Lane::Side side, const protocol::LaneSettings& settings)
        : loop_(loop), linked_(side, settings) {}

    void start(int fd, std::unique_ptr<LinkHandshake> handshake, const LinkTimes& times) {
        linked_.link = std::make_unique<Link>(loop_, ByteStream(fd), std::move(handshake), *this, times);
        linked_.link->start();
    }

    void send_data(std::string_view payload = "data") {
        protocol::Buffer frame;
        append(frame, protocol::Data{protocol::Chan{1}, protocol::PayloadKind::text, payload});
        linked_.send_data(frame, {});
    }
    void send_control() {
        protocol::Buffer frame;
        append(frame, protocol::Close{protocol::Chan{1}, 1000});
        linked_.send(frame);
    }

    LinkedLane& linked() { return linked_; }
    std::size_t frames() const { return frames_; }  // sequenced ones that came
    std::size_t chunks() const { return chunks_; }  // reads that brought any

    // What a lane calls.
    protocol::Result<protocol::Handled> on_sequenced(protocol::Bytes) {
        ++frames_;
        return protocol::Handled::done;
    }
    protocol::Result<void> on_unsequenced(std::uint32_t, protocol::Bytes) { return protocol::success(); }

  private:
    void on_link_attached(Link&) override {}
    protocol::Result<void> on_link_chunk(Link&, protocol::Bytes chunk) override {
        const auto before = frames_;
        auto taken = linked_.lane.receive(chunk, loop_.now(), *this);
        if (frames_ > before) ++chunks_;
        return taken;
    }
    void on_link_ended(Link&, const boost::system::error_code&) override { loop_.bury(std::move(linked_.link)); }

    Loop& loop_;
    std::size_t frames_ = 0;
    std::size_t chunks_ = 0;
    LinkedLane linked_;
};

/// Both ends of a link, attached. What the proxy sends lingers for so long; the app's end never waits.
class Pair {
  public:
    Pair(Loop& loop, std::chrono::microseconds linger, const protocol::LaneSettings& settings = acks_after(kForever))
        : loop_(loop),
          proxy_(loop_, protocol::Lane::Side::proxy, settings),
          app_(loop_, protocol::Lane::Side::app, settings) {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        protocol::Hello hello;
        hello.name = "test";
        LinkTimes times;
        times.linger = linger;
        proxy_.start(ends[0],
                     std::make_unique<ProxyHandshake>(hello, LinkKey{}, protocol::Attach{}, proxy_.linked().lane,
                                                      [](const protocol::Hello&) { return std::string(); }),
                     times);
        app_.start(ends[1],
                   std::make_unique<AppHandshake>(
                       hello, LinkKey{},
                       [this](const protocol::Hello&, const protocol::Attach&) {
                           return AppHandshake::Answer{protocol::AttachStatus::ok, &app_.linked().lane};
                       }),
                   LinkTimes{});
        REQUIRE(run_until([&] { return proxy_.linked().link->is_attached() && app_.linked().link->is_attached(); }));
        run(10ms);  // their first Acks
    }

    template <class Predicate>
    bool run_until(Predicate done) {
        const auto deadline = Clock::now() + 10s;
        while (!done()) {
            if (Clock::now() > deadline) return false;
            loop_.run_for(5ms);
        }
        return true;
    }
    void run(Clock::duration time) {
        for (const auto end = Clock::now() + time; Clock::now() < end;) loop_.run_for(1ms);
    }

    End& proxy() { return proxy_; }
    End& app() { return app_; }

  private:
    Loop& loop_;
    End proxy_;
    End app_;
};

}  // namespace

TEST_CASE("Link: data leaves with its turn where nothing lingers", "[net][link]") {
    Loop loop;
    Pair pair(loop, 0us);
    pair.proxy().send_data();
    CHECK(pair.run_until([&] { return pair.app().frames() == 1; }));
}

TEST_CASE("Link: data lingers, is not late, and shares one write", "[net][link]") {
    Loop loop;
    Pair pair(loop, 100ms);
    const auto first = Clock::now();
    for (int i = 0; i < 3; ++i) {
        pair.proxy().send_data();
        pair.run(5ms);
    }
    CHECK(pair.app().frames() == 0);
    CHECK(pair.run_until([&] { return pair.app().frames() == 3; }));
    CHECK(Clock::now() - first >= 100ms);
    CHECK(pair.app().chunks() == 1);

    SECTION("and again") {
        pair.proxy().send_data();
        pair.run(5ms);
        CHECK(pair.app().frames() == 3);
        CHECK(pair.run_until([&] { return pair.app().frames() == 4; }));
    }
}

TEST_CASE("Link: what does not linger takes along what does", "[net][link]") {
    Loop loop;
    Pair pair(loop, kForever);
    pair.proxy().send_data();
    pair.run(10ms);
    CHECK(pair.app().frames() == 0);

    SECTION("a control frame") {
        pair.proxy().send_control();
        CHECK(pair.run_until([&] { return pair.app().frames() == 2; }));
        CHECK(pair.app().chunks() == 1);
    }
    SECTION("enough of its kind") {
        pair.proxy().send_data(std::string(32 << 10, 'x'));
        CHECK(pair.run_until([&] { return pair.app().frames() == 2; }));
    }
    SECTION("the end of the link") {
        pair.proxy().linked().link->close();
        CHECK(pair.run_until([&] { return pair.app().frames() == 1; }));
    }
}

TEST_CASE("Link: an Ack does not linger", "[net][link]") {
    Loop loop;
    Pair pair(loop, kForever, acks_after(100ms));
    pair.proxy().send_data();
    pair.app().send_data();
    CHECK(pair.run_until([&] { return pair.app().linked().lane.held_bytes() == 0; }));
    CHECK(pair.app().frames() == 1);  // it came with it
}

TEST_CASE("Link: who begins to linger while another link of the loop does leaves with it", "[net][link]") {
    Loop loop;
    Pair shorter(loop, 100ms);
    Pair longer(loop, kForever);
    shorter.proxy().send_data();
    shorter.run(5ms);
    longer.proxy().send_data();
    CHECK(longer.run_until([&] { return shorter.app().frames() == 1 && longer.app().frames() == 1; }));
}

TEST_CASE("Link: what the peer's limit had held back does not linger", "[net][link]") {
    Loop loop;
    auto settings = acks_after(100ms);
    settings.window_bytes = 64;
    Pair pair(loop, kForever, settings);
    pair.proxy().send_data(std::string(200, 'x'));  // beyond the limit
    pair.proxy().send_control();                    // behind it
    CHECK(pair.run_until([&] { return pair.app().frames() == 1; }));
    pair.proxy().send_data();
    CHECK(pair.run_until([&] { return pair.app().frames() == 3; }));
}

TEST_CASE("Link: what comes does not send what lingers", "[net][link]") {
    Loop loop;
    Pair pair(loop, kForever);
    pair.proxy().send_data();
    pair.app().send_data();
    CHECK(pair.run_until([&] { return pair.proxy().frames() == 1; }));
    pair.run(5ms);
    CHECK(pair.app().frames() == 0);
}
