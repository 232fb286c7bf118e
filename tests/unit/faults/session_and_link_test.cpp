// Fails the N-th read or write of a proxy's session, its link and the app server's link, for every N until the scenario
// passes without having met the fault. Whatever fails: nothing hangs, nothing is doubled or out of order, and all that
// was made goes away.
#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "tests/support/fake_app.hpp"
#include "tests/support/proxy_worker.hpp"
#include "tests/unit/faults/faulty_io.hpp"

using namespace trunkline;
using namespace std::chrono_literals;
using tests::FakeApp;
using tests::FaultyIo;

namespace {

constexpr int kMessages = 4;

/// A masked text frame (RFC 6455 §5.2), the mask being zero.
std::string client_frame(std::string_view text) {
    std::string frame{'\x81', static_cast<char>(0x80 | text.size()), 0, 0, 0, 0};
    return frame.append(text);
}

enum class What {
    echo,
    asked,          // the upgrade waits for the app
    fan_out,        // the echo goes to all
    client_closes,  // after its last message
    app_closes,     // after the last message
};

class Scenario {
  public:
    explicit Scenario(What what) : what_(what) {
        proxy_.settings().routes[0].ask = what == What::asked;
        // A greeting whose write failed is noticed by reading, but the socket of such a fault is well: only time ends
        // it.
        proxy_.settings().links.handshake = 50ms;
        app_.on_open = [this](FakeApp::Lane& lane, const protocol::Open& open) {
            if (what_ == What::asked) app_.send(lane, protocol::Accept{open.chan});
        };
        app_.on_data = [this](FakeApp::Lane& lane, const protocol::Data& message) { answer(lane, message); };
        proxy_.upstream().start();
    }
    ~Scenario() { FaultyIo::disarm(); }

    void run() {
        std::optional<net::UniqueFd> client;
        REQUIRE(proxy_.run_until([&] { return (client = proxy_.connect()).has_value(); }));
        client_ = std::move(*client);

        std::string sent;
        for (int i = 0; i < kMessages; ++i) {
            const auto text = "message " + std::to_string(i);
            const auto frame = client_frame(text);
            if (::send(client_.get(), frame.data(), frame.size(), MSG_NOSIGNAL) < 0) break;
            sent += std::string{'\x81', static_cast<char>(text.size())} + text;
            proxy_.loop().run_for(1ms);
        }
        if (what_ == What::client_closes) {
            const std::string frame("\x88\x82\0\0\0\0\x03\xe8", 8);
            static_cast<void>(::send(client_.get(), frame.data(), frame.size(), MSG_NOSIGNAL));
        }
        const bool must_end = what_ == What::client_closes || what_ == What::app_closes;
        REQUIRE(proxy_.run_until([&] { return take() || (!must_end && received() == sent); }));
        // What came is a beginning of what was sent: in order, nothing twice.
        if (!ended_) {
            CHECK(received() == sent);
        } else {
            const auto frames = received().substr(0, received().find('\x88'));
            CHECK(sent.substr(0, frames.size()) == frames);
        }
        client_.reset();
        CHECK(proxy_.run_until([&] { return proxy_.sessions().size() == 0; }));
        CHECK(proxy_.upstream().connections().directory.size() == 0);
        CHECK(proxy_.counters().outbox_bytes.value() == 0);
        CHECK(proxy_.counters().upstream("test").connections.value() == 0);
    }

  private:
    void answer(FakeApp::Lane& lane, const protocol::Data& message) {
        if (what_ == What::fan_out) {
            const std::string payload(message.payload);
            const protocol::PayloadMap::Entry text{"text", payload};
            for (const auto& each : app_.lanes()) {
                if (each->link)
                    app_.send(*each, protocol::BroadcastData{{}, protocol::PayloadMap(std::span(&text, 1))});
            }
        } else {
            app_.send(lane, protocol::Data{message.chan, message.kind, message.payload});
        }
        if (what_ == What::app_closes && message.payload.ends_with(std::to_string(kMessages - 1))) {
            app_.send(lane, protocol::Close{message.chan, 4000, "done", protocol::CloseBy::app});
        }
    }

    /// Takes what has come for the client; true once the stream has ended.
    bool take() {
        char block[4096];
        for (;;) {
            const auto n = ::recv(client_.get(), block, sizeof block, MSG_DONTWAIT);
            if (n > 0) {
                received_.append(block, static_cast<std::size_t>(n));
                continue;
            }
            ended_ = ended_ || n == 0 || (errno != EAGAIN && errno != EINTR);
            return ended_;
        }
    }
    /// Behind the 101; nothing if another answer came.
    std::string received() const {
        if (!received_.starts_with("HTTP/1.1 101")) return {};
        const auto end = received_.find("\r\n\r\n");
        return end == std::string::npos ? std::string() : received_.substr(end + 4);
    }

    const What what_;
    const std::string path_ = tests::socket_path();
    tests::ProxyWorker proxy_{path_};
    FakeApp app_{proxy_.loop(), path_};
    net::UniqueFd client_;
    std::string received_;
    bool ended_ = false;
};

}  // namespace

TEST_CASE("session and link: survive the failure of any one read or write", "[proxy][faults]") {
    const auto fault =
        GENERATE(FaultyIo::Fault::reset, FaultyIo::Fault::end, FaultyIo::Fault::interrupted, FaultyIo::Fault::one_byte);
    const auto what = GENERATE(What::echo, What::asked, What::fan_out, What::client_closes, What::app_closes);
    constexpr std::size_t kMost = 400;
    std::size_t at = 0;
    for (; at < kMost; ++at) {
        CAPTURE(static_cast<int>(fault), static_cast<int>(what), at);
        Scenario scenario(what);
        FaultyIo::arm(fault, at);
        scenario.run();
        if (!FaultyIo::has_struck()) break;
    }
    CHECK(at < kMost);
    CHECK(at > 10);  // it did reach what it is about
}
