// Two generations of settings in use at a time.
#include "proxy/http/generation.hpp"

#include "http_fixture.hpp"
#include "tests/support/fake_app.hpp"
#include "tests/support/proxy_worker.hpp"

#include <sys/socket.h>

using namespace trunkline;
using namespace trunkline::proxy;
using Catch::EndsWith;

namespace {

/// A directory of one file, while it lives.
class TemporaryDirectory {
  public:
    TemporaryDirectory(const std::string& file, const std::string& content) {
        auto pattern = (std::filesystem::temp_directory_path() / "trunkline-generation-XXXXXX").native();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path = pattern;
        std::ofstream(path / file) << content;
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }

    std::filesystem::path path;
};

/// A masked text frame (RFC 6455 §5.2), the mask being zero.
std::string client_frame(std::string_view text) {
    std::string frame{'\x81', static_cast<char>(0x80 | text.size()), 0, 0, 0, 0};
    return frame.append(text);
}

}  // namespace

TEST_CASE("Generation: a request in flight keeps its own, the next one has the new one", "[proxy][http][generation]") {
    const TemporaryDirectory other("index.html", "<p>new");
    HttpFixture proxy(HttpFixture::kBigBytes);
    proxy.start();
    auto settings = proxy.generation().settings;
    auto first = std::make_shared<const Generation>(settings);
    const std::weak_ptr<const Generation> watched = first;
    proxy.use(std::move(first));
    auto client = proxy.connect();
    client.send("GET /big.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    auto received = client.read_until("HTTP/1.1 200 ");
    REQUIRE(received.size() < HttpFixture::kBigBytes);

    settings.routes[1].files = other.path;
    proxy.use(std::make_shared<const Generation>(settings));
    CHECK_FALSE(watched.expired());
    client.send(kGet);
    received += client.read_until("<p>new");
    CHECK(received.find("\r\n\r\n" + std::string(HttpFixture::kBigBytes, 'b')) != std::string::npos);
    CHECK(watched.expired());
}

TEST_CASE("Generation: an upgrade is handed over with the route that it was judged by", "[proxy][http][generation]") {
    HttpFixture proxy;
    proxy.start();
    auto client = proxy.connect();
    client.send(kUpgrade);
    REQUIRE(run_until(proxy.loop, [&] { return proxy.upgraded.size() == 1; }));
    auto settings = proxy.generation().settings;
    settings.routes[0].max_message_bytes = 7;
    proxy.use(std::make_shared<const Generation>(settings));
    auto other = proxy.connect();
    other.send(kUpgrade);
    REQUIRE(run_until(proxy.loop, [&] { return proxy.upgraded.size() == 2; }));
    CHECK(proxy.upgraded[0].route->settings.max_message_bytes == config::RouteSettings().max_message_bytes);
    CHECK(proxy.upgraded[1].route->settings.max_message_bytes == 7);
    CHECK(&proxy.upgraded[1].route->all_settings == &proxy.generation().settings);
}

TEST_CASE("Generation: a session keeps its own to its end, and no longer", "[proxy][session][generation]") {
    const std::string path = tests::socket_path();
    tests::ProxyWorker proxy{path};
    tests::FakeApp app{proxy.loop(), path};
    std::vector<std::string> handled;
    app.on_data = [&](tests::FakeApp::Lane&, const protocol::Data& data) { handled.emplace_back(data.payload); };
    proxy.settings().routes[0].max_message_bytes = 4;
    proxy.upstream().start();
    std::optional<net::UniqueFd> first, second;
    REQUIRE(proxy.run_until([&] { return (first = proxy.connect()).has_value(); }));

    auto settings = proxy.settings();
    settings.routes[0].max_message_bytes = 8;
    const auto before = proxy.first_generation().use_count();
    auto generation = std::make_shared<const Generation>(settings);
    const std::weak_ptr<const Generation> later = generation;
    proxy.use(std::move(generation));
    CHECK(proxy.first_generation().use_count() == before);  // by the session, no more by the worker
    REQUIRE(proxy.run_until([&] { return (second = proxy.connect()).has_value(); }));

    for (const auto& client : {first->get(), second->get()}) {
        const auto frame = client_frame("8 bytes.");
        REQUIRE(::send(client, frame.data(), frame.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size()));
    }
    REQUIRE(proxy.run_until([&] { return handled.size() == 1; }));
    REQUIRE(proxy.run_until([&] { return proxy.counters().closes(CloseReason::message_too_big).value() == 1; }));
    CHECK(handled == std::vector<std::string>{"8 bytes."});
    first.reset();
    REQUIRE(proxy.run_until([&] { return proxy.sessions().size() == 1; }));
    CHECK(proxy.run_until([&] { return proxy.first_generation().use_count() == before - 1; }));

    proxy.use(proxy.first_generation().lock());
    CHECK_FALSE(later.expired());
    second.reset();
    CHECK(proxy.run_until([&] { return later.expired(); }));
}
