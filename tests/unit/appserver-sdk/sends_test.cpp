#include <catch2/catch.hpp>

#include "tests/unit/appserver-sdk/running_server.hpp"

using namespace trunkline;
using namespace trunkline::test;

namespace {

/// Two proxies, the first with two lanes, and one connection on each.
struct Fixture {
    Fixture() {
        a.link();
        b.link();
        REQUIRE(app.saw_up("proxy-1"));
        REQUIRE(app.saw_up("proxy-2"));
    }
    static Announced second() {
        Announced announced;
        announced.id = "proxy-2";
        announced.epoch = 0xbeef0002;
        announced.pool = 'B';
        return announced;
    }
    Completion noting() {
        return [this](AckStatus status) { app.note("ack " + std::string(to_string(status))); };
    }

    RunningServer app;
    FakeProxy a{app.path(), 2};
    FakeProxy b{app.path(), 1, second()};
};

}  // namespace

TEST_CASE("sends: a fan-out goes once to every lane of every proxy", "[appserver-sdk][sends]") {
    Fixture f;
    REQUIRE(!f.app.server.to_all().except({"x", "y"}).send("hello"));
    REQUIRE(!f.app.server.to_group("g").except({"z"}).send_binary("\x01"));
    REQUIRE(!f.app.server.to_user("u").send("you"));
    const std::vector<std::pair<FakeProxy*, std::uint32_t>> lanes{{&f.a, 0}, {&f.a, 1}, {&f.b, 0}};
    for (const auto& [proxy, lane] : lanes) {
        const auto all = proxy->expect<proto::BroadcastData>(lane);
        CHECK(all.as<proto::BroadcastData>().excluded_connection_ids.size() == 2);
        CHECK(all.as<proto::BroadcastData>().payloads.find("text") == proto::Bytes("hello"));
        const auto group = proxy->expect<proto::GroupBroadcastData>(lane);
        CHECK(group.as<proto::GroupBroadcastData>().group == "g");
        CHECK(group.as<proto::GroupBroadcastData>().excluded_connection_ids.contains("z"));
        CHECK(group.as<proto::GroupBroadcastData>().payloads.find("binary") == proto::Bytes("\x01"));
        CHECK(proxy->expect<proto::UserData>(lane).as<proto::UserData>().user_id == "u");
    }
    CHECK(f.app.server.to_group("").send("x") == errc::bad_name);
    CHECK(f.app.server.to_all().send("\xff") == errc::not_utf8);
}

TEST_CASE("sends: to one connection by its id", "[appserver-sdk][sends]") {
    Fixture f;
    f.a.open(1);
    REQUIRE(f.app.saw("connect " + f.a.id_of(1)));
    SECTION("an own one goes on its home lane as Data") {
        REQUIRE(!f.app.server.send_to(f.a.id_of(1), "mine"));
        CHECK(f.a.expect<proto::Data>(1).as<proto::Data>().payload == "mine");
    }
    SECTION("another's goes to the proxy that its id names") {
        REQUIRE(!f.app.server.send_to(f.b.id_of(9), "yours"));
        const auto frame = f.b.expect<proto::MultiConnectionData>();
        CHECK(frame.as<proto::MultiConnectionData>().connection_ids.contains(f.b.id_of(9)));
        REQUIRE(!f.app.server.to_connection(f.b.id_of(9)).close(4001, "go"));
        const auto close = f.b.expect<proto::CloseConnection>();
        CHECK(close.as<proto::CloseConnection>().error == proto::Bytes("4001 go"));
        f.a.pump_all();
        CHECK(f.a.frames_waiting(0) + f.a.frames_waiting(1) == 0);
    }
    SECTION("an id that is not located goes to all") {
        REQUIRE(!f.app.server.send_to(proto::ConnectionId{}.to_string(), "somewhere"));
        f.a.expect<proto::MultiConnectionData>(0);
        f.a.expect<proto::MultiConnectionData>(1);
        f.b.expect<proto::MultiConnectionData>(0);
    }
    SECTION("nobody has it") {
        CHECK(f.app.server.send_to("no id", "x") == errc::unknown_connection);
        const auto other = proto::ConnectionId::located(proto::Epoch{1}, {}).to_string();
        CHECK(f.app.server.send_to(other, "x") == errc::unknown_connection);
    }
}

TEST_CASE("sends: requests are answered by every lane and fold to one status", "[appserver-sdk][sends]") {
    Fixture f;
    f.a.open(1);
    REQUIRE(f.app.saw("connect " + f.a.id_of(1)));
    SECTION("of an own connection: by its home lane alone") {
        REQUIRE(!f.app.last().join("g", f.noting()));
        const auto frame = f.a.expect<proto::JoinGroupWithAck>(1);
        f.a.send(1, proto::RequestAck{frame.as<proto::JoinGroupWithAck>().ack_id, proto::AckStatus::ok, {}, {}});
        CHECK(f.app.saw("ack ok"));
        REQUIRE(!f.app.last().leave_all_groups());
        CHECK_FALSE(f.a.expect<proto::LeaveGroup>(1).as<proto::LeaveGroup>().group);
    }
    SECTION("of a set: by all") {
        REQUIRE(!f.app.server.to_group("g").exists(f.noting()));
        std::vector<std::int32_t> ids;
        ids.push_back(f.a.expect<proto::CheckGroupExistenceWithAck>(0).as<proto::CheckGroupExistenceWithAck>().ack_id);
        ids.push_back(f.a.expect<proto::CheckGroupExistenceWithAck>(1).as<proto::CheckGroupExistenceWithAck>().ack_id);
        ids.push_back(f.b.expect<proto::CheckGroupExistenceWithAck>(0).as<proto::CheckGroupExistenceWithAck>().ack_id);
        CHECK(ids == std::vector<std::int32_t>(3, ids[0]));
        f.a.send(0, proto::RequestAck{ids[0], proto::AckStatus::not_found, {}, {}});
        f.a.send(1, proto::RequestAck{ids[0], proto::AckStatus::not_found, {}, {}});
        SECTION("nobody knows it") {
            f.b.send(0, proto::RequestAck{ids[0], proto::AckStatus::not_found, {}, {}});
            CHECK(f.app.saw("ack not found"));
        }
        SECTION("a proxy is lost meanwhile") {
            f.b.hang_up(0);
            CHECK(f.app.saw("ack unknown"));
        }
    }
    SECTION("closing a user's connections carries code and reason") {
        REQUIRE(!f.app.server.to_user("u").except({"x"}).close(4009, "out", f.noting()));
        const auto frame = f.b.expect<proto::CloseUserConnectionsWithAck>();
        CHECK(frame.as<proto::CloseUserConnectionsWithAck>().reason == proto::Bytes("4009 out"));
        CHECK(frame.as<proto::CloseUserConnectionsWithAck>().excluded_connection_ids.contains("x"));
        CHECK(f.app.server.to_user("u").close(1005) == errc::bad_close_code);
    }
}

TEST_CASE("sends: only so many requests are open per lane", "[appserver-sdk][sends]") {
    Options options;
    options.limits.open_requests_per_lane = 2;
    RunningServer app(options);
    FakeProxy proxy(app.path(), 1);
    proxy.link();
    REQUIRE(app.saw_up("proxy-1"));
    const auto ask = [&] { return app.server.to_user("u").exists([&](AckStatus) { app.note("answered"); }); };
    REQUIRE(!ask());
    REQUIRE(!ask());
    CHECK(ask() == errc::would_block);
    const auto frame = proxy.expect<proto::CheckUserExistenceWithAck>();
    proxy.send(0, proto::RequestAck{frame.as<proto::CheckUserExistenceWithAck>().ack_id, proto::AckStatus::ok, {}, {}});
    REQUIRE(app.saw("answered"));
    CHECK(!ask());
}
