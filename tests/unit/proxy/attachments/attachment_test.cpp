// What an attachment asks of a port, whatever dialect is behind it: here it is one that only takes notes.
#include "proxy/attachments/attachment.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "net/loop.hpp"
#include "proxy/attachments/upstream_connections.hpp"
#include "trunkline/protocol/service/encode.hpp"

using namespace trunkline;
using proxy::Attachment;
using proxy::CloseReason;
using proxy::PauseReason;
using State = proxy::AttachmentState;

namespace {

using Lines = std::vector<std::string>;

/// A port with room for as many bytes as the test says.
class FakePort final : public proxy::AppPort {
  public:
    explicit FakePort(Lines& says) : says_(says) {}

    protocol::Chan open(Attachment*, protocol::Open& open, protocol::Buffer& frame) override {
        open.chan = protocol::Chan{++opened};
        append(frame, open);
        says_.push_back("open " + std::to_string(static_cast<int>(open.why)));
        return open.chan;
    }
    void data(protocol::Chan, protocol::PayloadKind, protocol::Bytes payload) override {
        says_.push_back("data " + std::string(payload));
        sent_bytes += payload.size();
    }
    void redeliver(protocol::Chan chan, protocol::PayloadKind kind, protocol::Bytes payload) override {
        data(chan, kind, std::string(payload) + " again");
    }
    bool try_close(protocol::Chan, const proxy::ConnectionEnd& end) override {
        return try_say("close " + std::to_string(end.code));
    }
    bool try_detach(protocol::Chan) override { return try_say("detach"); }
    bool try_backlog(protocol::Chan, proxy::Backlog backlog) override {
        return try_say(backlog == proxy::Backlog::on ? "backlog" : "no backlog");
    }
    void close(protocol::Chan, const proxy::ConnectionEnd& end) override {
        says_.push_back("close " + std::to_string(end.code));
    }
    void forget(protocol::Chan) override { ++forgotten; }
    void keep(proxy::Departed&&) override { ++kept; }
    std::uint64_t room() const noexcept override { return has_reserve ? 1 << 20 : 0; }
    std::size_t max_payload() const noexcept override { return 100; }
    std::uint64_t sent() const noexcept override { return sent_bytes; }
    std::uint64_t handled() const noexcept override { return handled_bytes; }
    bool is_draining() const noexcept override { return drains; }
    bool has_room() const noexcept override { return has_reserve; }

    void give_room() {
        has_reserve = true;
        unblock();
    }
    void acknowledge_all() {
        handled_bytes = sent_bytes;
        wake_acknowledged();
    }

    bool has_reserve = true;
    bool drains = false;
    std::uint64_t opened = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t handled_bytes = 0;
    int forgotten = 0;
    int kept = 0;

  private:
    bool try_say(const std::string& what) {
        if (has_reserve) says_.push_back(what);
        return has_reserve;
    }

    Lines& says_;
};

/// An upstream whose one app server is at the port, if there is one.
struct Fixture final : proxy::AppServers {
    proxy::AppPort* port_for(std::uint8_t, const std::string&, Which) override { return place; }
    bool has_any(const std::string&, Which) const noexcept override { return place != nullptr; }

    static config::UpstreamSettings upstream_settings() {
        config::UpstreamSettings settings;
        settings.name = "test";
        return settings;
    }

    Lines says;  // the port
    FakePort port{says};
    FakePort* place = &port;
    net::Loop loop;
    const config::UpstreamSettings settings = upstream_settings();
    const config::LinkSettings links;
    proxy::WorkerCounters counters{{"test"}};
    proxy::UpstreamConnections connections{settings, loop, counters, counters.upstream("test"), links, *this};
};

/// A client that is open at the port of the fixture.
struct Client final : proxy::ClientSide {
    explicit Client(Fixture& of, Attachment::Asks asks = Attachment::Asks::no)
        : f(of), attachment(f.connections, *this) {
        protocol::ConnectionId id;
        const auto number = ++f.port.opened;
        std::memcpy(id.bytes.data(), &number, sizeof number);
        const auto text = id.text();
        protocol::Open open;
        open.connection_id = {text.data(), text.size()};
        protocol::Buffer frame;
        const auto chan = f.port.open(&attachment, open, frame);
        attachment.on_opened(f.port, chan, id, 7, proxy::OpenRecord::of(frame, f.counters.open_record_bytes), asks);
        if (asks == Attachment::Asks::no) REQUIRE(attachment.enter_directory(std::nullopt));
        f.says.clear();
    }
    ~Client() {
        if (!attachment.has_ended()) attachment.end({1000, protocol::CloseBy::proxy, {}});
    }
    void pause(PauseReason reason) override { paused.push_back(reason); }
    void resume(PauseReason reason) override { std::erase(paused, reason); }
    void close_for(CloseReason why) override {
        closed_for = why;
        attachment.end({1012, protocol::CloseBy::proxy, {}});
    }
    void on_app_told() override { ++told; }

    Fixture& f;
    Attachment attachment;
    std::vector<PauseReason> paused;
    std::optional<CloseReason> closed_for;
    int told = 0;
};

}  // namespace

TEST_CASE("attachment: what has no room is told when there is some, once, and the end without its reason",
          "[proxy][attachments]") {
    Fixture f;
    Client client(f);
    f.port.has_reserve = false;
    client.attachment.set_backlog(proxy::Backlog::on);
    client.attachment.look_for_room();
    CHECK(client.paused == std::vector{PauseReason::port_full});
    client.attachment.end({4000, protocol::CloseBy::client, "a reason"});
    CHECK(client.attachment.state() == State::closing);
    CHECK(f.says.empty());
    f.port.give_room();
    CHECK(f.says == Lines{"close 4000"});
    CHECK(client.attachment.has_ended());
    CHECK(client.told == 1);
    CHECK(f.port.forgotten == 1);
    CHECK(f.port.kept == 1);
    f.port.give_room();
    CHECK(f.says.size() == 1);
}

TEST_CASE("attachment: it moves with Detach and Detached, and goes on at the next port", "[proxy][attachments]") {
    Fixture f;
    Client client(f);
    f.port.has_reserve = false;
    client.attachment.move();
    CHECK(client.attachment.state() == State::leaving);
    CHECK_FALSE(client.attachment.is_told_to_move());
    f.port.give_room();
    CHECK(client.attachment.state() == State::moving);
    CHECK(client.attachment.is_told_to_move());
    FakePort next(f.says);
    f.place = &next;
    client.attachment.on_detached();
    CHECK(client.attachment.state() == State::held);
    REQUIRE(client.attachment.send(protocol::PayloadKind::text, "meanwhile"));
    f.connections.held.place();
    CHECK(client.attachment.state() == State::open);
    CHECK(f.says == Lines{"detach", "open 2", "data meanwhile"});
    CHECK(client.paused.empty());
    client.attachment.end({1000, protocol::CloseBy::client, {}});
    CHECK(f.says.back() == "close 1000");
}

TEST_CASE("attachment: a client that leaves while it moves is not closed twice", "[proxy][attachments]") {
    Fixture f;
    Client client(f);
    client.attachment.move();
    client.attachment.end({1001, protocol::CloseBy::client, {}});
    CHECK(f.says == Lines{"detach"});
    CHECK(f.port.kept == 1);  // what it had said before may still be handed on
    CHECK(client.attachment.has_ended());
    client.attachment.on_detached();
    CHECK(client.attachment.has_ended());
}

TEST_CASE("attachment: more than its share waits for acknowledgements, not for room", "[proxy][attachments]") {
    Fixture f;
    Client client(f);
    const std::string text(100, 'x');
    while (client.paused.empty()) REQUIRE(client.attachment.send(protocol::PayloadKind::text, text));
    CHECK(client.paused == std::vector{PauseReason::share});
    CHECK(f.port.sent_bytes < f.connections.share_bytes());
    CHECK(client.attachment.room() == 0);
    SECTION("and the port is full too") {
        f.port.has_reserve = false;
        client.attachment.look_for_room();
        f.port.acknowledge_all();
        CHECK(client.paused == std::vector{PauseReason::share, PauseReason::port_full});
        f.port.give_room();
    }
    f.port.acknowledge_all();
    CHECK(client.paused.empty());
    CHECK(client.attachment.room() > 0);
}

TEST_CASE("attachment: an app that was asked and drains meanwhile loses the client after its answer",
          "[proxy][attachments]") {
    Fixture f;
    Client client(f, Attachment::Asks::yes);
    CHECK(client.attachment.state() == State::asking);
    f.port.drains = true;
    client.attachment.move();
    CHECK(client.attachment.state() == State::asking);
    client.attachment.on_accepted(std::nullopt);
    REQUIRE(client.attachment.enter_directory("who"));
    client.attachment.follow_drain();
    CHECK(client.attachment.state() == State::moving);
}

TEST_CASE("attachment: thousands that leave a full port are told in their order, each once", "[proxy][attachments]") {
    Fixture f;
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 5'000; ++i) clients.push_back(std::make_unique<Client>(f));
    f.port.has_reserve = false;
    for (const auto& client : clients) client->attachment.look_for_room();
    std::uint16_t code = 3000;
    for (const auto& client : clients) {
        client->attachment.end({static_cast<std::uint16_t>(code++ % 1000 + 3000), protocol::CloseBy::client, {}});
    }
    f.port.give_room();
    REQUIRE(f.says.size() == clients.size());
    CHECK(f.says.front() == "close 3000");
    CHECK(f.says[1234] == "close 3234");
    for (const auto& client : clients) CHECK(client->told == 1);
}
