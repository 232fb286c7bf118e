// Fails the N-th read or write of a proxy's session, its link and the app server's link, for every N until the scenario
// passes without having met the fault. Whatever fails: nothing hangs, nothing is doubled or out of order, and all that
// was made goes away.
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "proxy/listener/http_session.hpp"
#include "proxy/session/session.hpp"
#include "proxy/session/session_table.hpp"
#include "proxy/upstream/upstream.hpp"
#include "tests/support/fake_app.hpp"
#include "tests/unit/faults/faulty_io.hpp"

using namespace trunkline;
using namespace std::chrono_literals;
using tests::FakeApp;
using tests::FaultyIo;

namespace {

constexpr int kMessages = 4;

std::string socket_path() {
    return (std::filesystem::temp_directory_path() / ("trunkline-faults-" + std::to_string(::getpid()) + ".sock"))
        .string();
}

config::Settings settings_for(const std::string& path) {
    config::Settings settings;
    settings.proxy_id = "test:1";
    settings.workers = 1;
    config::UpstreamSettings upstream;
    upstream.name = "test";
    upstream.app_servers.push_back({config::Endpoint::Kind::unix_socket, "", 0, path});
    upstream.pool_size = 2;
    settings.upstreams.push_back(upstream);
    config::RouteSettings route;
    route.path = "/";
    route.upstream = "test";
    settings.routes.push_back(route);
    settings.links.redial_min = 1ms;
    settings.links.redial_max = 5ms;
    settings.links.handshake = 50ms;
    settings.timeouts.close = 50ms;
    return settings;
}

/// A masked text frame (RFC 6455 §5.2), the mask being zero.
std::string client_frame(std::string_view text) {
    std::string frame{'\x81', static_cast<char>(0x80 | text.size()), 0, 0, 0, 0};
    return frame.append(text);
}

class Scenario {
  public:
    Scenario() : path_(socket_path()), settings_(settings_for(path_)), app_(loop_, path_), upstream_(home_, {}, 0) {
        app_.on_data = [this](FakeApp::Lane& lane, const protocol::Data& message) {
            app_.send(lane, protocol::Data{message.chan, message.kind, message.payload});
        };
        upstream_.start();
    }
    ~Scenario() {
        FaultyIo::disarm();
        upstream_.stop();
        loop_.run_for(0ms);
    }

    template <class Predicate>
    [[nodiscard]] bool run_until(Predicate done) {
        const auto deadline = net::Clock::now() + 10s;
        while (!done()) {
            if (net::Clock::now() > deadline) return false;
            loop_.run_for(2ms);
        }
        return true;
    }

    void run() {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        client_ = net::UniqueFd(ends[0]);
        proxy::Upgraded upgraded{net::UniqueFd(ends[1]), {}, "127.0.0.1", {}};
        upgraded.request.key = "dGhlIHNhbXBsZSBub25jZQ==";
        upgraded.request.path = "/";
        auto session = std::make_unique<proxy::Session>(home_, upstream_, settings_.routes[0]);
        std::optional<proxy::Opened> opened;
        REQUIRE(run_until([&] { return (opened = upstream_.open(*session, upgraded.request, "127.0.0.1")).has_value(); }));
        sessions_.add(std::move(session)).start(std::move(upgraded), *opened);

        std::string sent;
        for (int i = 0; i < kMessages; ++i) {
            const auto text = "message " + std::to_string(i);
            const auto frame = client_frame(text);
            if (::send(client_.get(), frame.data(), frame.size(), MSG_NOSIGNAL) < 0) break;
            sent += std::string{'\x81', static_cast<char>(text.size())} + text;
            loop_.run_for(1ms);
        }
        REQUIRE(run_until([&] { return take() || received() == sent; }));
        // What came is a beginning of what was sent: in order, nothing twice.
        if (!ended_) {
            CHECK(received() == sent);
        } else {
            const auto frames = received().substr(0, received().find('\x88'));
            CHECK(sent.substr(0, frames.size()) == frames);
        }
        client_.reset();
        CHECK(run_until([&] { return sessions_.size() == 0; }));
        CHECK(upstream_.directory().size() == 0);
        CHECK(counters_.outbox_bytes.value() == 0);
        CHECK(counters_.upstream(0).connections.value() == 0);
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

    const std::string path_;
    const config::Settings settings_;
    net::Loop loop_;
    proxy::WorkerCounters counters_{{"test"}};
    proxy::SessionTable sessions_;
    proxy::SessionHome home_{loop_, settings_, counters_, sessions_};
    FakeApp app_;
    proxy::Upstream upstream_;
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
