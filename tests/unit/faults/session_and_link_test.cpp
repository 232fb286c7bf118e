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

class Scenario {
  public:
    Scenario() {
        app_.on_data = [this](FakeApp::Lane& lane, const protocol::Data& message) {
            app_.send(lane, protocol::Data{message.chan, message.kind, message.payload});
        };
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
        REQUIRE(proxy_.run_until([&] { return take() || received() == sent; }));
        // What came is a beginning of what was sent: in order, nothing twice.
        if (!ended_) {
            CHECK(received() == sent);
        } else {
            const auto frames = received().substr(0, received().find('\x88'));
            CHECK(sent.substr(0, frames.size()) == frames);
        }
        client_.reset();
        CHECK(proxy_.run_until([&] { return proxy_.sessions().size() == 0; }));
        CHECK(proxy_.upstream().directory().size() == 0);
        CHECK(proxy_.counters().outbox_bytes.value() == 0);
        CHECK(proxy_.counters().upstream(0).connections.value() == 0);
    }

  private:
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
    /// Behind the 101.
    std::string received() const {
        const auto end = received_.find("\r\n\r\n");
        return end == std::string::npos ? std::string() : received_.substr(end + 4);
    }

    const std::string path_ = tests::socket_path();
    tests::ProxyWorker proxy_{path_};
    FakeApp app_{proxy_.loop(), path_};
    net::UniqueFd client_;
    std::string received_;
    bool ended_ = false;
};

}  // namespace

TEST_CASE("session and link: survive the failure of any one read or write", "[proxy][faults]") {
    const auto fault = GENERATE(FaultyIo::Fault::reset, FaultyIo::Fault::end, FaultyIo::Fault::blocked_once,
                                FaultyIo::Fault::one_byte);
    constexpr std::size_t kMost = 400;
    std::size_t at = 0;
    for (; at < kMost; ++at) {
        CAPTURE(static_cast<int>(fault), at);
        Scenario scenario;
        FaultyIo::arm(fault, at);
        scenario.run();
        if (!FaultyIo::has_struck()) break;
    }
    CHECK(at < kMost);
    CHECK(at > 10);  // it did reach what it is about
}
