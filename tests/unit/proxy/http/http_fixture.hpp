#pragma once

#include "proxy/http/http_sessions.hpp"
#include "proxy/http/listener.hpp"

#include "http_client.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

namespace trunkline::proxy {

/// The HTTP phase of one worker: a listener on loopback, its sessions, and a sink that keeps what it is given.
class HttpFixture : public UpgradeSink {
  public:
    /// `big_bytes`: the size of big.txt, nothing for none.
    explicit HttpFixture(std::size_t big_bytes = 0) {
        auto pattern = (std::filesystem::temp_directory_path() / "trunkline-http-XXXXXX").native();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        directory_ = pattern;
        std::ofstream(directory_ / "index.html") << "<p>index";
        if (big_bytes != 0) std::ofstream(directory_ / "big.txt") << std::string(big_bytes, 'b');

        settings_.routes.resize(2);
        settings_.routes[0].path = "/chat";
        settings_.routes[0].upstream = "app";
        settings_.routes[1].path = "/*";
        settings_.routes[1].files = directory_;
        timeouts.request_head = std::chrono::seconds(20);
    }
    ~HttpFixture() override {
        std::filesystem::remove_all(directory_);
        if (listener_) listener_->stop(proxy::Listener::Waiting::take);
        if (is_abandoned) return;
        bool is_empty = !sessions_;
        if (sessions_ && !stopped_) sessions_->stop([&] { is_empty = true; });
        CHECK((stopped_ || run_until(loop, [&] { return is_empty; })));
    }

    /// Begins to listen, with what the public members say.
    void start() {
        admission_.emplace(limits);
        settings_.timeouts = timeouts;
        settings_.limits = limits;
        use(std::make_shared<const Generation>(settings_));
        sessions_.emplace(HttpContext{loop, current_, counters, *this});
        auto socket = net::ListenSocket::open(net::Endpoint::tcp("127.0.0.1", 0));
        REQUIRE(socket);
        listener_.emplace(loop, std::move(socket).value(), limits, *admission_, *sessions_);
        listener_->start();
    }

    /// From now on this generation is the current one.
    void use(std::shared_ptr<const Generation> generation) {
        current_ = new WorkerRoutes(std::move(generation), [](const std::string&) { return nullptr; });
    }
    const Generation& generation() const { return current_->generation(); }

    HttpClient connect() { return HttpClient(loop, listener_->local()); }

    Listener& listener() { return *listener_; }
    HttpSessions& sessions() { return *sessions_; }
    ConnectionLimits& admission() { return *admission_; }
    std::uint64_t refused(RefuseReason reason) const { return counters.refused(reason).value(); }

    void stop_sessions() {
        stopped_ = true;
        bool is_empty = false;
        sessions_->stop([&] { is_empty = true; });
        CHECK(run_until(loop, [&] { return is_empty; }));
    }

    static constexpr std::size_t kBigBytes = 12 << 20;  // more than the kernel takes for a client that reads nothing

    net::Loop loop;
    config::TimeoutSettings timeouts;
    config::LimitSettings limits;
    WorkerCounters counters{std::vector<std::string>{"app"}};
    std::vector<Upgraded> upgraded;
    bool is_abandoned = false;  ///< ends without waiting for its sessions

  private:
    void on_upgrade(Upgraded client) override { upgraded.push_back(std::move(client)); }

    std::filesystem::path directory_;
    config::Settings settings_;
    WorkerRoutesPtr current_;
    std::optional<ConnectionLimits> admission_;
    std::optional<HttpSessions> sessions_;
    std::optional<Listener> listener_;
    bool stopped_ = false;
};

inline constexpr std::string_view kUpgrade =
    "GET /chat?x=1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nCookie: c=d\r\n\r\n";
inline constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace trunkline::proxy
