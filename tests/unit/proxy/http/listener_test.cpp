#include "http_fixture.hpp"

#include <sys/resource.h>

#include <fcntl.h>

using namespace trunkline;
using namespace trunkline::proxy;
using namespace std::chrono_literals;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("TokenBucket: the rate on average, a tenth of it at once", "[proxy][listener][rate]") {
    struct Row {
        std::size_t rate, at_once, in_two_seconds;
    };
    const auto row = GENERATE(values<Row>({{1, 1, 3}, {10, 1, 21}, {20, 2, 42}, {1000, 100, 2100}}));
    CAPTURE(row.rate);
    const net::Clock::time_point begin(1h);
    TokenBucket bucket(row.rate, begin);
    std::size_t taken = 0;
    const auto take_all = [&](net::Clock::time_point now) {
        while (bucket.ready_at() <= now) {
            bucket.take(now);
            ++taken;
        }
    };
    take_all(begin);
    CHECK(taken == row.at_once);
    for (auto now = begin; now <= begin + 2s; now += 1ms) take_all(now);
    CHECK(taken == row.in_two_seconds);

    taken = 0;
    take_all(begin + 100s);  // a long rest saves up no more
    CHECK(taken == row.at_once);
}

TEST_CASE("TokenBucket: no rate is no limit", "[proxy][listener][rate]") {
    const net::Clock::time_point now(1h);
    TokenBucket bucket(0, now);
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(bucket.ready_at() <= now);
        bucket.take(now);
    }
}

TEST_CASE("ConnectionLimits: tickets give their places back", "[proxy][listener][limits]") {
    config::LimitSettings settings;
    settings.connections = 3;
    settings.accept_per_address = 2;
    ConnectionLimits limits(settings);
    auto a1 = limits.admit("a");
    auto a2 = limits.admit("a");
    REQUIRE(std::holds_alternative<ConnectionTicket>(a2));
    CHECK(std::get<RefuseReason>(limits.admit("a")) == RefuseReason::address_limit);
    CHECK(limits.open() == 2);
    auto b = limits.admit("b");
    REQUIRE(std::holds_alternative<ConnectionTicket>(b));
    CHECK(std::get<RefuseReason>(limits.admit("c")) == RefuseReason::connection_limit);

    auto moved = std::get<ConnectionTicket>(std::move(a1));
    CHECK(limits.open() == 3);
    moved = ConnectionTicket();
    a1 = RefuseReason::bad_request;
    CHECK(limits.open() == 2);
    CHECK(std::holds_alternative<ConnectionTicket>(limits.admit("a")));
}

TEST_CASE("ConnectionLimits: the default leaves descriptors for other things", "[proxy][listener][limits]") {
    rlimit files{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
    rlimit few = files;
    few.rlim_cur = GENERATE(100, 200, 201, 203);
    CAPTURE(few.rlim_cur);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    ConnectionLimits limits({});
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
    std::vector<ConnectionTicket> taken;
    for (auto place = limits.admit("a"); std::holds_alternative<ConnectionTicket>(place); place = limits.admit("a"))
        taken.push_back(std::get<ConnectionTicket>(std::move(place)));
    CHECK(taken.size() == (few.rlim_cur == 203 ? 3 : 1));
}

TEST_CASE("Listener: more clients than a batch are all served", "[proxy][listener]") {
    HttpFixture proxy;
    proxy.start();
    std::vector<HttpClient> clients;
    for (int i = 0; i < 2 * Listener::kMaxBatch + 3; ++i) clients.push_back(proxy.connect());
    for (auto& client : clients) client.send(kGet);
    for (auto& client : clients) CHECK_THAT(client.read_until("<p>index"), StartsWith("HTTP/1.1 200 "));
    CHECK(proxy.admission().open() == clients.size());
}

TEST_CASE("Listener: over the limit of connections there is a 503", "[proxy][listener]") {
    HttpFixture proxy;
    proxy.limits.connections = 1;
    proxy.start();
    auto first = proxy.connect();
    auto second = proxy.connect();
    second.send(kGet);
    CHECK_THAT(second.read_to_end(), StartsWith("HTTP/1.1 503 ") && Contains("\r\nRetry-After: "));
    CHECK(proxy.refused(RefuseReason::connection_limit) == 1);
    first.send(kGet);
    first.read_until("<p>index");
    first.close();
    REQUIRE(run_until(proxy.loop, [&] { return proxy.admission().open() == 0; }));
    auto third = proxy.connect();
    third.send(kGet);
    CHECK_THAT(third.read_until("<p>index"), StartsWith("HTTP/1.1 200 "));
}

TEST_CASE("Listener: a flood over the limit is answered a few at a time", "[proxy][listener]") {
    HttpFixture proxy;
    proxy.limits.connections = 1;
    proxy.start();
    auto first = proxy.connect();
    std::vector<HttpClient> flood;
    for (int i = 0; i < 150; ++i) flood.push_back(proxy.connect());
    CHECK(run_until(proxy.loop, [&] { return proxy.refused(RefuseReason::connection_limit) == flood.size(); }));
    CHECK(proxy.sessions().size() <= 65);
}

TEST_CASE("Listener: over the limit of an address there is a 429", "[proxy][listener]") {
    HttpFixture proxy;
    proxy.limits.accept_per_address = 1;
    proxy.start();
    auto first = proxy.connect();
    auto second = proxy.connect();
    CHECK_THAT(second.read_to_end(), StartsWith("HTTP/1.1 429 "));
    CHECK(proxy.refused(RefuseReason::address_limit) == 1);
}

TEST_CASE("Listener: over the accept rate clients wait", "[proxy][listener]") {
    HttpFixture proxy;
    proxy.limits.accept_rate = 20;  // two at once, then one each 50 ms
    const auto begin = net::Clock::now();
    proxy.start();
    std::vector<HttpClient> clients;
    for (int i = 0; i < 6; ++i) clients.push_back(proxy.connect());
    REQUIRE(run_until(proxy.loop, [&] { return proxy.sessions().size() == clients.size(); }));
    CHECK(net::Clock::now() - begin >= 4 * 50ms);
}

#ifndef __SANITIZE_ADDRESS__  // the sanitizers need descriptors themselves, and take their lack for a broken object
TEST_CASE("Listener: out of descriptors it waits and goes on", "[proxy][listener]") {
    HttpFixture proxy;
    proxy.limits.connections = 1000;
    proxy.start();
    auto client = proxy.connect();
    rlimit old{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
    rlimit none = old;
    {
        const net::UniqueFd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        none.rlim_cur = static_cast<rlim_t>(next.get());
    }
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto end = net::Clock::now() + 20ms;
    run_until(proxy.loop, [&] { return net::Clock::now() > end; });
    const auto while_out = proxy.sessions().size();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
    CHECK(while_out == 0);
    client.send(kGet);
    CHECK_THAT(client.read_until("<p>index"), StartsWith("HTTP/1.1 200 "));
}
#endif

TEST_CASE("Listener: stopping takes those that wait already, and nobody after", "[proxy][listener]") {
    HttpFixture proxy;
    proxy.start();
    const auto address = proxy.listener().local();
    auto waiting = proxy.connect();
    proxy.listener().stop(proxy::Listener::Waiting::take);
    proxy.listener().stop(proxy::Listener::Waiting::take);
    waiting.send(kGet);
    CHECK_THAT(waiting.read_until("<p>index"), StartsWith("HTTP/1.1 200 "));

    const auto late = net::SocketAddress::of(address);
    const net::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK(::connect(fd.get(), late->data(), late->length) != 0);
}

TEST_CASE("Listener: what was never started ends quietly", "[proxy][listener]") {
    HttpFixture proxy;
    proxy.start();
    auto client = proxy.connect();  // and stops in the destructor with the client waiting
}
