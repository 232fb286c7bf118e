// Streams that are no plain sockets: what reads and writes them goes by what they say, and by no count of bytes.
#include "tests/unit/faults/record_layer.hpp"

#include <sys/socket.h>

#include "tests/support/fake_app.hpp"
#include "tests/support/proxy_worker.hpp"
#include "tests/unit/proxy/http/http_fixture.hpp"

using namespace trunkline;
using Catch::EndsWith;
using Catch::StartsWith;
using tests::FakeApp;
using tests::RecordLayer;

namespace {

/// A masked text frame (RFC 6455 §5.2), the mask being zero.
std::string client_frame(std::string_view text) {
    std::string frame{'\x81', static_cast<char>(0x80 | text.size()), 0, 0, 0, 0};
    return frame.append(text);
}

/// A client, its session, a link and an app server, all of their streams in records.
struct Connection {
    Connection() {
        app.on_open = [this](FakeApp::Lane& lane, const protocol::Open& open) {
            home = &lane;
            chan = open.chan;
        };
        app.on_data = [this](FakeApp::Lane&, const protocol::Data& data) { handled.emplace_back(data.payload); };
        proxy.upstream().start();
        REQUIRE(proxy.run_until([&] { return (client = proxy.connect()).has_value(); }));
        REQUIRE(proxy.run_until([&] { return home != nullptr; }));
    }
    ~Connection() { RecordLayer::set_reads_need_room(false); }

    void send(std::string_view bytes) {
        REQUIRE(::send(client->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    }
    void take() {
        char block[65536];
        ssize_t n = 0;
        while ((n = ::recv(client->get(), block, sizeof block, 0)) > 0)
            received.append(block, static_cast<std::size_t>(n));
    }

    const std::string path = tests::socket_path();
    tests::ProxyWorker proxy{path};
    FakeApp app{proxy.loop(), path};
    FakeApp::Lane* home = nullptr;
    protocol::Chan chan{};
    std::vector<std::string> handled;
    std::optional<net::UniqueFd> client;
    std::string received;
};

}  // namespace

TEST_CASE("record layer: a session and a link read on while a stream is not drained", "[proxy][net][records]") {
    Connection connection;
    constexpr int kMessages = 40;
    std::string frames;
    for (int i = 0; i < kMessages; ++i) frames += client_frame("message " + std::to_string(i));
    connection.send(frames);
    REQUIRE(connection.proxy.run_until([&] { return connection.handled.size() == kMessages; }));
    CHECK(connection.handled.back() == "message " + std::to_string(kMessages - 1));

    for (const auto& text : connection.handled) {
        connection.app.send(*connection.home, protocol::Data{connection.chan, protocol::PayloadKind::text, text});
    }
    CHECK(connection.proxy.run_until([&] {
        connection.take();
        return connection.received.ends_with(connection.handled.back());
    }));
}

TEST_CASE("record layer: a session reads on once its stream can be written", "[proxy][net][records]") {
    Connection connection;
    const auto deliver = [&] {
        connection.app.send(*connection.home,
                            protocol::Data{connection.chan, protocol::PayloadKind::binary, std::string(200'000, 'x')});
    };
    deliver();
    REQUIRE(connection.proxy.run_until([&] { return connection.proxy.counters().outbox_bytes.value() > 0; }));
    RecordLayer::set_reads_need_room(true);
    connection.send(client_frame("hello"));
    for (int i = 0; i < 5; ++i) connection.proxy.loop().run_for(std::chrono::milliseconds(2));
    CHECK(connection.handled.empty());
    CHECK(connection.proxy.run_until([&] {
        connection.take();
        return connection.handled.size() == 1;
    }));
}

TEST_CASE("record layer: HTTP reads a head in pieces and hands over a drained stream", "[proxy][net][records]") {
    proxy::HttpFixture http;
    http.start();
    auto client = http.connect();
    client.send(proxy::kGet);
    CHECK_THAT(client.read_until("<p>index"), StartsWith("HTTP/1.1 200 OK\r\n") && EndsWith("<p>index"));

    SECTION("nothing behind it") {
        client.send(proxy::kUpgrade);
        REQUIRE(proxy::run_until(http.loop, [&] { return http.upgraded.size() == 1; }));
        char byte = 0;
        CHECK(http.upgraded[0].stream.read_some({&byte, 1}).status == net::IoResult::Status::would_block);
    }
    SECTION("bytes behind it, of which no event tells") {
        // The last record of the head ends where the head does.
        std::string head(proxy::kUpgrade.substr(0, proxy::kUpgrade.size() - 4));
        head += "\r\nX: ";
        while ((head.size() + 4) % RecordLayer::kRecordBytes != 0) head += 'x';
        client.send(head + "\r\n\r\n\x81");
        CHECK_THAT(client.read_to_end(), StartsWith("HTTP/1.1 400 "));
        CHECK(http.upgraded.empty());
    }
}
