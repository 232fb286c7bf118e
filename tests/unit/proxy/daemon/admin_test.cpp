#include "proxy/daemon/admin.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <boost/system/system_error.hpp>

#include <chrono>
#include <string>

using namespace trunkline::proxy;
using trunkline::config::AdminSettings;
using namespace std::chrono_literals;

namespace {

// Answers are set before the Admin runs.
struct FakeSource final : AdminSource {
    Answer health() override { return health_answer; }
    Answer readiness() override { return readiness_answer; }
    std::string metrics() override { return metrics_text; }
    bool resize(std::string_view upstream, unsigned pool_size) override {
        resized = std::string(upstream) + " " + std::to_string(pool_size);
        return upstream == "app";
    }

    Answer health_answer{true, "ok\n"};
    Answer readiness_answer{true, "{\"ready\":true}\n"};
    std::string metrics_text = "trunkline_late_frames_total 0\n";
    std::string resized;
};

AdminSettings any_port() {
    AdminSettings settings;
    settings.port = 0;
    return settings;
}

// A client that never waits longer than five seconds.
class Client {
  public:
    explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const timeval patience{5, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    ~Client() { ::close(fd_); }

    void send(std::string_view bytes) {
        REQUIRE(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    }
    // Everything up to the end of the stream or its reset; fails if neither comes.
    std::string read_all() {
        std::string all;
        char block[4096];
        ssize_t n;
        while ((n = ::recv(fd_, block, sizeof block, 0)) > 0) all.append(block, static_cast<std::size_t>(n));
        if (n < 0) CHECK(errno == ECONNRESET);
        return all;
    }

  private:
    const int fd_;
};

std::string ask(const Admin& admin, const std::string& request) {
    Client client(admin.port());
    client.send(request);
    return client.read_all();
}

std::string get(const Admin& admin, const std::string& target, const std::string& method = "GET") {
    return ask(admin, method + " " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
}

std::string status_of(const std::string& answer) { return answer.substr(0, answer.find("\r\n")); }
std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

}  // namespace

TEST_CASE("Admin: serves the three pages", "[proxy][admin]") {
    FakeSource source;
    const Admin admin(any_port(), source);
    REQUIRE(admin.port() != 0);

    const auto health = get(admin, "/healthz");
    CHECK(status_of(health) == "HTTP/1.1 200 OK");
    CHECK(body_of(health) == "ok\n");

    const auto ready = get(admin, "/readyz?verbose");
    CHECK(status_of(ready) == "HTTP/1.1 200 OK");
    CHECK(body_of(ready) == "{\"ready\":true}\n");
    CHECK(ready.find("Content-Type: application/json\r\n") != std::string::npos);
    CHECK(ready.find("Connection: close\r\n") != std::string::npos);

    const auto metrics = get(admin, "/metrics");
    CHECK(body_of(metrics) == "trunkline_late_frames_total 0\n");
    CHECK(metrics.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") != std::string::npos);
}

TEST_CASE("Admin: not ready and not healthy are 503 with the same bodies", "[proxy][admin]") {
    FakeSource source;
    source.health_answer = {false, "worker 1 has not turned for 12 s\n"};
    source.readiness_answer = {false, "{\"ready\":false}\n"};
    const Admin admin(any_port(), source);

    const auto health = get(admin, "/healthz");
    CHECK(status_of(health) == "HTTP/1.1 503 Service Unavailable");
    CHECK(body_of(health) == "worker 1 has not turned for 12 s\n");
    const auto ready = get(admin, "/readyz");
    CHECK(status_of(ready) == "HTTP/1.1 503 Service Unavailable");
    CHECK(body_of(ready) == "{\"ready\":false}\n");
}

TEST_CASE("Admin: HEAD has the length and no body", "[proxy][admin]") {
    FakeSource source;
    const Admin admin(any_port(), source);
    const auto answer = get(admin, "/healthz", "HEAD");
    CHECK(status_of(answer) == "HTTP/1.1 200 OK");
    CHECK(answer.find("Content-Length: 3\r\n") != std::string::npos);
    CHECK(body_of(answer).empty());
}

TEST_CASE("Admin: what it does not serve", "[proxy][admin]") {
    struct Row {
        std::string name, request, status;
    };
    const auto row = GENERATE(values<Row>({
        {"unknown path", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"},
        {"longer path", "GET /metrics/x HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"},
        {"POST", "POST /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 405 Method Not Allowed"},
        {"unknown method", "BREW /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"},
        {"not HTTP", "hello\r\n\r\n", "HTTP/1.1 400 Bad Request"},
        {"bad version", "GET / HTTP/9.9\r\n\r\n", "HTTP/1.1 400 Bad Request"},
        {"large head", "GET / HTTP/1.1\r\nX: " + std::string(5000, 'x') + "\r\n\r\n",
         "HTTP/1.1 431 Request Header Fields Too Large"},
    }));
    CAPTURE(row.name);
    FakeSource source;
    const Admin admin(any_port(), source);
    const auto answer = ask(admin, row.request);
    CHECK(status_of(answer) == row.status);
    if (row.name == "POST") CHECK(answer.find("Allow: GET, HEAD, PUT\r\n") != std::string::npos);
}

TEST_CASE("Admin: a request may come in pieces, up to 4096 bytes of it", "[proxy][admin]") {
    FakeSource source;
    const Admin admin(any_port(), source, 30s);
    const std::string start = "GET /healthz HTTP/1.1\r\nX: ";
    const std::string end = "\r\n\r\n";
    for (const std::size_t size : {std::size_t{100}, std::size_t{4096}, std::size_t{4097}}) {
        CAPTURE(size);
        const auto request = start + std::string(size - start.size() - end.size(), 'x') + end;
        Client client(admin.port());
        client.send(request.substr(0, 10));
        CHECK(status_of(get(admin, "/healthz")) == "HTTP/1.1 200 OK");  // the first piece has been read
        client.send(request.substr(10, size - 12));
        CHECK(status_of(get(admin, "/healthz")) == "HTTP/1.1 200 OK");
        client.send(request.substr(size - 2));
        const bool fits = size <= 4096;
        CHECK(status_of(client.read_all()) ==
              (fits ? "HTTP/1.1 200 OK" : "HTTP/1.1 431 Request Header Fields Too Large"));
    }
}

TEST_CASE("Admin: pools are resized by a PUT", "[proxy][admin]") {
    struct Row {
        std::string target, status, resized;
    };
    const auto row = GENERATE(values<Row>({
        {"/upstreams/app?pool_size=8", "HTTP/1.1 202 Accepted", "app 8"},
        {"/upstreams/other?pool_size=256", "HTTP/1.1 404 Not Found", "other 256"},
        {"/upstreams/app", "HTTP/1.1 400 Bad Request", ""},
        {"/upstreams/app?pool_size=", "HTTP/1.1 400 Bad Request", ""},
        {"/upstreams/app?pool_size=0", "HTTP/1.1 400 Bad Request", ""},
        {"/upstreams/app?pool_size=257", "HTTP/1.1 400 Bad Request", ""},
        {"/upstreams/app?pool_size=-1", "HTTP/1.1 400 Bad Request", ""},
        {"/upstreams/app?pool_size=8&x", "HTTP/1.1 400 Bad Request", ""},
        {"/upstreams/app?lanes=8", "HTTP/1.1 400 Bad Request", ""},
        {"/metrics", "HTTP/1.1 404 Not Found", ""},
    }));
    CAPTURE(row.target);
    FakeSource source;
    const Admin admin(any_port(), source);
    CHECK(status_of(get(admin, row.target, "PUT")) == row.status);
    CHECK(source.resized == row.resized);
}

TEST_CASE("Admin: a slow client is cut, and others are served meanwhile", "[proxy][admin]") {
    FakeSource source;
    const Admin admin(any_port(), source);
    const auto start = std::chrono::steady_clock::now();
    Client slow(admin.port());
    slow.send("GET /healthz HT");
    CHECK(status_of(get(admin, "/healthz")) == "HTTP/1.1 200 OK");
    CHECK(slow.read_all().empty());  // within the client's patience
    CHECK(std::chrono::steady_clock::now() - start > 900ms);
}

TEST_CASE("Admin: a client that does not read its answer holds nothing up", "[proxy][admin]") {
    FakeSource source;
    source.metrics_text = std::string(64 << 20, 'm');  // more than sockets take
    const Admin admin(any_port(), source, 50ms);
    Client deaf(admin.port());
    deaf.send("GET /metrics HTTP/1.1\r\n\r\n");
    CHECK(status_of(get(admin, "/healthz")) == "HTTP/1.1 200 OK");
    CHECK(deaf.read_all().size() < source.metrics_text.size());
}

TEST_CASE("Admin: connections beyond the limit are closed, and room comes back", "[proxy][admin]") {
    FakeSource source;
    const Admin admin(any_port(), source, 30s);
    std::vector<std::unique_ptr<Client>> idle;
    for (int i = 0; i < 32; ++i) idle.push_back(std::make_unique<Client>(admin.port()));
    CHECK(Client(admin.port()).read_all().empty());  // long before the deadline of the others
    for (auto& client : idle) {                      // which were not cut for it
        client->send("GET /healthz HTTP/1.1\r\n\r\n");
        CHECK(status_of(client->read_all()) == "HTTP/1.1 200 OK");
    }
    CHECK(status_of(get(admin, "/healthz")) == "HTTP/1.1 200 OK");
}

TEST_CASE("Admin: an address in use is an error that names it", "[proxy][admin]") {
    FakeSource source;
    const Admin first(any_port(), source);
    AdminSettings settings;
    settings.port = first.port();
    CHECK_THROWS_WITH(Admin(settings, source),
                      Catch::Contains("admin.address 127.0.0.1:" + std::to_string(first.port())) &&
                          Catch::Contains("Address already in use"));
    settings.host = "not an address";
    CHECK_THROWS_AS(Admin(settings, source), boost::system::system_error);
}
