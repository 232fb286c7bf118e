#include "net/endpoint.hpp"

#include <catch2/catch.hpp>
#include <optional>

#include "net/resolve.hpp"

using namespace trunkline::net;

TEST_CASE("Endpoint: what is written is read back", "[net][endpoint]") {
    struct Row {
        std::string text;
        Endpoint expected;
        bool numeric;
        bool local;
    };
    const auto row = GENERATE(values<Row>({
        {"tcp://127.0.0.1:7000", Endpoint::tcp("127.0.0.1", 7000), true, true},
        {"tcp://127.8.9.1:1", Endpoint::tcp("127.8.9.1", 1), true, true},
        {"tcp://128.0.0.1:65535", Endpoint::tcp("128.0.0.1", 65535), true, false},
        {"tcp://0.0.0.0:0", Endpoint::tcp("0.0.0.0", 0), true, false},
        {"tcp://[::1]:7000", Endpoint::tcp("::1", 7000), true, true},
        {"tcp://[fe80::2]:7000", Endpoint::tcp("fe80::2", 7000), true, false},
        {"tcp://localhost:7000", Endpoint::tcp("localhost", 7000), false, true},
        {"tcp://app_1.example-a.com:7000", Endpoint::tcp("app_1.example-a.com", 7000), false, false},
        {"tcp://127.0.0.1.example.com:7000", Endpoint::tcp("127.0.0.1.example.com", 7000), false, false},
        {"unix:///run/a b.sock", Endpoint::unix_socket("/run/a b.sock"), true, true},
        {"unix:///" + std::string(106, 'x'), Endpoint::unix_socket("/" + std::string(106, 'x')), true, true},
    }));
    CAPTURE(row.text);
    const auto parsed = Endpoint::parse(row.text);
    REQUIRE(parsed.has_value());
    CHECK(parsed.value() == row.expected);
    CHECK(parsed.value().to_string() == row.text);
    CHECK(parsed.value().is_numeric() == row.numeric);
    CHECK(parsed.value().is_local() == row.local);
    const auto address = SocketAddress::of(parsed.value());
    REQUIRE(address.has_value() == row.numeric);
    if (address) CHECK(address->to_endpoint() == row.expected);
}

TEST_CASE("Endpoint: what is none is refused", "[net][endpoint]") {
    const auto text =
        GENERATE(as<std::string>{}, "", "tcp://", "tcp://:7000", "tcp://a", "tcp://a:", "tcp://a:65536", "tcp://a:-1",
                 "tcp://a:+1", "tcp://a:1x", "tcp://a: 1", "tcp://a b:1", "tcp://::1:7000", "tcp://[::1:7000",
                 "tcp://[a]:7000", "tcp://[127.0.0.1]:7000", "tcp://a/b:1", "http://a:1", "127.0.0.1:7000", "TCP://a:1",
                 "unix://", "unix:///", "unix://run/a", "/run/a");
    CAPTURE(text);
    CHECK_FALSE(Endpoint::parse(text).has_value());
}

TEST_CASE("Endpoint: a Unix path is at most 107 bytes", "[net][endpoint]") {
    const auto parsed = Endpoint::parse("unix:///" + std::string(107, 'x'));
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error() == boost::system::errc::filename_too_long);
    CHECK_FALSE(Endpoint::parse(std::string_view("unix:///a\0b", 11)).has_value());
}

TEST_CASE("async_resolve: what needs no look-up gets none", "[net][resolve]") {
    const auto [text, expected] = GENERATE(table<std::string, std::string>({
        {"tcp://LocalHost:7000", "tcp://127.0.0.1:7000"},
        {"tcp://10.1.2.3:7000", "tcp://10.1.2.3:7000"},
        {"tcp://[::1]:7000", "tcp://[::1]:7000"},
        {"unix:///run/a", "unix:///run/a"},
    }));
    asio::io_context loop;
    std::vector<Endpoint> resolved;
    bool called = false;
    async_resolve(loop.get_executor(), Endpoint::parse(text).value(),
                  [&](boost::system::error_code error, std::vector<Endpoint> endpoints) {
                      called = true;
                      CHECK_FALSE(error);
                      resolved = std::move(endpoints);
                  });
    CHECK_FALSE(called);
    CHECK(loop.poll() == 1);  // no thread had to answer first
    REQUIRE(resolved.size() == 1);
    CHECK(resolved.front().to_string() == expected);
}

TEST_CASE("async_resolve: a name that cannot exist is an error", "[net][resolve]") {
    asio::io_context loop;
    std::optional<boost::system::error_code> result;
    // A label of 64 characters: refused without asking the network.
    async_resolve(loop.get_executor(), Endpoint::tcp(std::string(64, 'x') + ".invalid", 1),
                  [&](boost::system::error_code error, const std::vector<Endpoint>& endpoints) {
                      result = error;
                      CHECK(endpoints.empty());
                  });
    loop.run_for(std::chrono::seconds(30));
    REQUIRE(result.has_value());
    CHECK(*result);
}
