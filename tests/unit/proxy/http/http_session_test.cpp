#include "http_fixture.hpp"

#include "proxy/http/http_answer.hpp"

using namespace trunkline;
using namespace trunkline::proxy;
using namespace std::chrono_literals;
using Catch::Contains;
using Catch::EndsWith;
using Catch::StartsWith;

TEST_CASE("HttpSession: an upgrade is handed over whole", "[proxy][listener][http]") {
    HttpFixture proxy;
    proxy.start();
    auto client = proxy.connect();
    const auto cut = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{30}, kUpgrade.size() - 1);
    client.send(kUpgrade.substr(0, cut));
    if (cut != 0) run_until(proxy.loop, [&] { return proxy.sessions().size() == 1; });
    client.send(kUpgrade.substr(cut));
    REQUIRE(run_until(proxy.loop, [&] { return proxy.upgraded.size() == 1; }));

    auto& upgraded = proxy.upgraded[0];
    CHECK(upgraded.request.path == "/chat");
    CHECK(upgraded.request.query == "x=1");
    CHECK(upgraded.request.headers == std::vector<Header>{{"Host", "a"}, {"Cookie", "c=d"}});
    CHECK(upgraded.peer_address.starts_with("127.0.0.1:"));
    CHECK(run_until(proxy.loop, [&] { return proxy.sessions().size() == 0; }));
    CHECK(proxy.admission().open() == 1);  // its ticket lives on

    const auto answer = switching_protocols(upgraded.request, "");
    REQUIRE(::send(upgraded.stream.descriptor(), answer.data(), answer.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(answer.size()));
    CHECK(client.read_until("\r\n\r\n") == answer);
    proxy.upgraded.clear();
    CHECK(proxy.admission().open() == 0);
}

TEST_CASE("HttpSession: bytes behind an upgrade are refused", "[proxy][listener][http]") {
    HttpFixture proxy;
    proxy.start();
    auto client = proxy.connect();
    SECTION("another request") { client.send(std::string(kUpgrade) + std::string(kGet)); }
    SECTION("a frame") { client.send(std::string(kUpgrade) + "\x81"); }
    CHECK_THAT(client.read_to_end(), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
    CHECK(proxy.upgraded.empty());
    CHECK(proxy.refused(RefuseReason::bad_request) == 1);
}

TEST_CASE("HttpSession: files over one connection, one after the other and at once", "[proxy][listener][http]") {
    HttpFixture proxy(HttpFixture::kBigBytes);
    proxy.start();
    auto client = proxy.connect();
    client.send(kGet);
    CHECK_THAT(client.read_until("<p>index"), StartsWith("HTTP/1.1 200 OK\r\n") && EndsWith("\r\n\r\n<p>index"));

    client.send("GET /big.txt HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(kGet));
    const auto two = client.read_until("<p>index");
    CHECK(two.size() > HttpFixture::kBigBytes);
    CHECK_THAT(two, Contains("\r\nContent-Length: " + std::to_string(HttpFixture::kBigBytes) + "\r\n"));

    client.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK_THAT(client.read_to_end(), Contains("Connection: close") && EndsWith("\r\n\r\n"));
    client.close();
    CHECK(run_until(proxy.loop, [&] { return proxy.sessions().size() == 0; }));
    CHECK(proxy.admission().open() == 0);
    for (std::size_t i = 0; i < kRefuseReasonCount; ++i) CHECK(proxy.refused(static_cast<RefuseReason>(i)) == 0);
}

TEST_CASE("HttpSession: a client may upgrade after it read files", "[proxy][listener][http]") {
    HttpFixture proxy;
    proxy.start();
    auto client = proxy.connect();
    client.send(std::string(kGet) + std::string(kUpgrade));
    client.read_until("<p>index");
    CHECK(run_until(proxy.loop, [&] { return proxy.upgraded.size() == 1; }));
}

TEST_CASE("HttpSession: what is no request is refused with a reason and read out", "[proxy][listener][http]") {
    struct Row {
        std::string name, request, answer;
        RefuseReason reason;
    };
    const std::string host = "Host: a\r\n";
    const auto row = GENERATE_COPY(values<Row>({
        {"unknown file", "GET /none HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 404 ", RefuseReason::no_route},
        {"plain GET", "GET /chat HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 426 ", RefuseReason::upgrade_required},
        {"POST", "POST /chat HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc", "HTTP/1.1 405 ",
         RefuseReason::method_not_allowed},
        {"body beyond Beast's limit", "GET / HTTP/1.1\r\n" + host + "Content-Length: 99999999999\r\n\r\nabc",
         "HTTP/1.1 400 ", RefuseReason::bad_request},
        {"chunked", "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 ",
         RefuseReason::bad_request},
        {"chunked and length", "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
         "HTTP/1.1 400 ", RefuseReason::bad_request},
        {"two hosts", "GET / HTTP/1.1\r\n" + host + host + "\r\n", "HTTP/1.1 400 ", RefuseReason::bad_request},
        {"empty header name", "GET / HTTP/1.1\r\n" + host + ": x\r\n\r\n", "HTTP/1.1 400 ", RefuseReason::bad_request},
        {"space before the colon", "GET / HTTP/1.1\r\n" + host + "Content-Length : 3\r\n\r\nabc", "HTTP/1.1 400 ",
         RefuseReason::bad_request},
        {"control character", "GET / HTTP/1.1\r\n" + host + "X: a\x01\r\n\r\n", "HTTP/1.1 400 ",
         RefuseReason::bad_request},
        {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 400 ", RefuseReason::bad_request},
        {"TLS", std::string("\x16\x03\x01\x02\x00", 5), "HTTP/1.1 400 ", RefuseReason::bad_request},
        {"empty lines", "\r\n\r\n" + std::string(kGet), "HTTP/1.1 400 ", RefuseReason::bad_request},
        {"a response", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 400 ", RefuseReason::bad_request},
        {"101 headers",
         [&] {
             std::string request = "GET / HTTP/1.1\r\n" + host;
             for (int i = 0; i < 100; ++i) request += "X: y\r\n";
             return request + "\r\n";
         }(),
         "HTTP/1.1 431 ", RefuseReason::head_too_large},
        {"more than is read", "GET /" + std::string(60'000, 'a'), "HTTP/1.1 431 ", RefuseReason::head_too_large},
    }));
    CAPTURE(row.name);
    HttpFixture proxy;
    proxy.start();
    auto client = proxy.connect();
    client.send(row.request);
    const auto answer = client.read_to_end();
    CHECK_THAT(answer, StartsWith(row.answer) && Contains("\r\nConnection: close"));
    CHECK(answer.size() > answer.find("\r\n\r\n") + 10);
    CHECK(proxy.refused(row.reason) == 1);
    client.close();
    CHECK(run_until(proxy.loop, [&] { return proxy.sessions().size() == 0; }));
    CHECK(proxy.admission().open() == 0);
}

TEST_CASE("HttpSession: a head has 7 KiB", "[proxy][listener][http]") {
    struct Row {
        std::size_t bytes;
        bool fits;
    };
    const auto row = GENERATE(values<Row>({{kMaxRequestHead - 1, true},
                                           {kMaxRequestHead, true},
                                           {kMaxRequestHead + 1, false},
                                           {kMaxRequestHead + 1025, false}}));
    const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const std::string end = "\r\n\r\n";
    const auto request = begin + std::string(row.bytes - begin.size() - end.size(), 'x') + end;
    HttpFixture proxy;
    proxy.start();
    auto client = proxy.connect();
    client.send(request);
    CHECK_THAT(client.read_until("\r\n\r\n"), StartsWith(row.fits ? "HTTP/1.1 200 " : "HTTP/1.1 431 "));
}

TEST_CASE("HttpSession: a head that does not come in time ends the connection", "[proxy][listener][http]") {
    HttpFixture proxy;
    proxy.timeouts.request_head = 60ms;
    proxy.start();
    auto client = proxy.connect();
    SECTION("nothing") {
        CHECK(client.read_to_end().empty());
        CHECK(proxy.refused(RefuseReason::head_timeout) == 1);
    }
    SECTION("byte by byte") {
        std::size_t sent = 0;
        CHECK(run_until(proxy.loop, [&] {
            if (sent < 10) client.send(kGet.substr(sent++, 1));
            return client.is_ended() || client.is_reset();
        }));
        CHECK(proxy.refused(RefuseReason::head_timeout) == 1);
    }
    SECTION("between two requests") {
        client.send(kGet);
        client.read_until("<p>index");
        CHECK(client.read_to_end().empty());
        CHECK(proxy.refused(RefuseReason::head_timeout) == 0);
    }
    CHECK(proxy.admission().open() == 0);
}

TEST_CASE("HttpSession: clients that leave are counted if they had begun", "[proxy][listener][http]") {
    HttpFixture proxy(HttpFixture::kBigBytes);
    proxy.start();
    auto client = proxy.connect();
    REQUIRE(run_until(proxy.loop, [&] { return proxy.sessions().size() == 1; }));
    SECTION("before a byte") {
        client.close();
        CHECK(run_until(proxy.loop, [&] { return proxy.sessions().size() == 0; }));
        CHECK(proxy.refused(RefuseReason::client_gone) == 0);
    }
    SECTION("inside a head") {
        client.send("GET ");
        client.close();
        CHECK(run_until(proxy.loop, [&] { return proxy.sessions().size() == 0; }));
        CHECK(proxy.refused(RefuseReason::client_gone) == 1);
    }
    SECTION("while a file is written") {
        client.send("GET /big.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        client.read_until("HTTP/1.1 200");
        client.close();
        CHECK(run_until(proxy.loop, [&] { return proxy.sessions().size() == 0; }));
    }
}

TEST_CASE("HttpSession: a client that takes nothing of a file is let go", "[proxy][listener][http]") {
    HttpFixture proxy(HttpFixture::kBigBytes);
    proxy.timeouts.write_progress = 60ms;
    proxy.start();
    auto client = proxy.connect();
    client.send("GET /big.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(run_until(proxy.loop, [&] { return proxy.sessions().size() == 1; }));
    CHECK(run_until(proxy.loop, [&] { return proxy.sessions().size() == 0; }));
}

TEST_CASE("HttpSession: a client that goes on talking after a refusal is cut off", "[proxy][listener][http]") {
    HttpFixture proxy;
    proxy.start();
    auto client = proxy.connect();
    client.send("GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_THAT(client.read_to_end(), StartsWith("HTTP/1.1 404 "));
    CHECK(proxy.sessions().size() == 1);  // it listens on, so that the answer is not lost to a reset
    const std::string noise(32 << 10, 'x');
    CHECK(run_until(proxy.loop, [&] {
        (void)::send(client.fd(), noise.data(), noise.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return proxy.sessions().size() == 0;
    }));
}

TEST_CASE("HttpSession: stopping ends all of them", "[proxy][listener][http]") {
    HttpFixture proxy(HttpFixture::kBigBytes);
    proxy.start();
    auto silent = proxy.connect();
    auto idle = proxy.connect();
    idle.send(kGet);
    idle.read_until("<p>index");
    auto reader = proxy.connect();
    reader.send("GET /big.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(run_until(proxy.loop, [&] { return proxy.sessions().size() == 3; }));
    proxy.stop_sessions();
    CHECK(proxy.sessions().size() == 0);
    CHECK(proxy.admission().open() == 0);
    CHECK(silent.read_to_end().empty());
}

TEST_CASE("HttpSession: the sink may refuse what it was given", "[proxy][listener][http]") {
    HttpFixture proxy;
    proxy.start();
    auto client = proxy.connect();
    client.send(kUpgrade);
    REQUIRE(run_until(proxy.loop, [&] { return proxy.upgraded.size() == 1; }));
    auto& upgraded = proxy.upgraded[0];
    proxy.sessions().refuse(std::move(upgraded.stream),
                            unavailable(RefuseReason::no_app_server, "No app server is linked."),
                            std::move(upgraded.ticket));
    CHECK_THAT(client.read_to_end(), StartsWith("HTTP/1.1 503 ") && Contains("\r\nRetry-After: "));
    CHECK(proxy.refused(RefuseReason::no_app_server) == 1);
    client.close();
    CHECK(run_until(proxy.loop, [&] { return proxy.admission().open() == 0; }));
}

TEST_CASE("HttpSession: clients that are left when the loop runs no more go with it", "[proxy][listener][http]") {
    HttpFixture proxy(HttpFixture::kBigBytes);
    proxy.start();
    auto silent = proxy.connect();
    auto reader = proxy.connect();
    reader.send("GET /big.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    auto refused = proxy.connect();
    refused.send("GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(run_until(proxy.loop, [&] { return proxy.refused(RefuseReason::no_route) == 1; }));
    auto waiting = proxy.connect();  // is taken when the listener stops, and never begins
    if (GENERATE(false, true)) proxy.sessions().stop([] {});
    proxy.is_abandoned = true;
}
