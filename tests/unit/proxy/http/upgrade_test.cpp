#include "proxy/http/upgrade.hpp"

#include <catch2/catch.hpp>

using namespace trunkline;
using namespace trunkline::proxy;

namespace {

constexpr const char* kKey = "dGhlIHNhbXBsZSBub25jZQ==";

std::vector<config::RouteSettings> make_routes() {
    std::vector<config::RouteSettings> routes(5);
    for (auto& route : routes) route.upstream = "app";
    routes[0].path = "/chat";
    routes[1].path = "/list";
    routes[1].subprotocols = {"b", "a"};
    routes[2].path = "/room/{room}/*";
    routes[2].allow_origins = {"https://page.example"};
    routes[3].path = "/static/*";
    routes[3].upstream.clear();
    routes[3].files = "/srv/www";
    routes[4].path = "/ask";
    routes[4].ask = true;
    return routes;
}

/// A request that is fine, to be spoilt in one place.
struct Request {
    std::string method = "GET";
    std::string target = "/chat";
    unsigned version = 11;
    std::vector<Header> headers{{"Host", "a.example:8080"},
                                {"Upgrade", "websocket"},
                                {"Connection", "Upgrade"},
                                {"Sec-WebSocket-Key", kKey},
                                {"Sec-WebSocket-Version", "13"}};

    Request& at(std::string path) {
        target = std::move(path);
        return *this;
    }
    Request& by(std::string name) {
        method = std::move(name);
        return *this;
    }
    Request& with(std::string name, std::string value) {
        headers.push_back({std::move(name), std::move(value)});
        return *this;
    }
    Request& without(std::string_view name) {
        std::erase_if(headers, [&](const Header& header) { return header.name == name; });
        return *this;
    }
    Request& set(std::string name, std::string value) { return without(name).with(std::move(name), std::move(value)); }
    Request& http_1_0() {
        version = 10;
        return *this;
    }

    Decision decide() const {
        static const UpgradeRules rules(make_routes());
        RequestHead head;
        head.method = method;
        head.target = target;
        head.version = version;
        for (const auto& header : headers) head.headers.push_back({header.name, header.value});
        return rules.decide(head);
    }
};

UpgradeRequest accepted(const Request& request) {
    auto decision = request.decide();
    if (const auto* refusal = std::get_if<Refusal>(&decision)) FAIL(refusal->status << " " << refusal->text);
    return std::get<UpgradeRequest>(std::move(decision));
}

Refusal refused(const Request& request) {
    auto decision = request.decide();
    REQUIRE(std::holds_alternative<Refusal>(decision));
    return std::get<Refusal>(std::move(decision));
}

std::string header_of(const Refusal& refusal, std::string_view name) {
    for (const auto& header : refusal.headers) {
        if (header.name == name) return header.value;
    }
    return "";
}

}  // namespace

TEST_CASE("upgrade: a plain good request", "[proxy][listener][upgrade]") {
    const auto request = accepted(Request().at("/chat?token=%2f&b"));
    CHECK(request.route == 0);
    CHECK(request.path == "/chat");
    CHECK(request.query == "token=%2f&b");
    CHECK(request.parameters.empty());
    CHECK(request.host == "a.example:8080");
    CHECK(request.key == kKey);
    CHECK(request.offered.empty());
    CHECK(request.subprotocol.empty());
}

TEST_CASE("upgrade: what is legal passes", "[proxy][listener][upgrade]") {
    const auto request = GENERATE(values<Request>({
        Request().set("Connection", "keep-alive, uPGRADE"),
        Request().with("Connection", "keep-alive"),
        Request().set("Connection", "keep-alive").with("Connection", ",upgrade,"),
        Request().set("Upgrade", "WebSocket"),
        Request().set("Upgrade", "h2c, websocket"),
        Request().with("Content-Length", "0"),
        Request().with("Origin", "http://a.example:8080"),
        Request().with("Sec-WebSocket-Extensions", "permessage-deflate").with("Sec-WebSocket-Extensions", "x"),
        Request().with("X-Empty", ""),
        Request().with("X-Tab", "a\tb"),
        Request().with("X-Latin", "caf\xe9"),
        Request().with("X-Twice", "a").with("X-Twice", "b"),
        Request().without("Host").with("hOST", "a.example"),
    }));
    CHECK(std::holds_alternative<UpgradeRequest>(request.decide()));
}

TEST_CASE("upgrade: each rule that is broken is refused", "[proxy][listener][upgrade]") {
    struct Row {
        std::string name;
        unsigned status;
        RefuseReason reason;
        Request request;
    };
    const auto bad = RefuseReason::bad_request;
    const auto row = GENERATE_COPY(values<Row>({
        {"no host", 400, bad, Request().without("Host")},
        {"two hosts", 400, bad, Request().with("Host", "a.example:8080")},
        {"two hosts of another case", 400, bad, Request().with("HOST", "b")},
        {"empty host", 400, bad, Request().set("Host", "")},
        {"bad host", 400, bad, Request().set("Host", "a/b")},
        {"two hosts in one", 400, bad, Request().set("Host", "a, b")},
        {"empty header name", 400, bad, Request().with("", "x")},
        {"header name with a space", 400, bad, Request().with("X Y", "x")},
        {"header name that ends in a space", 400, bad, Request().with("Transfer-Encoding ", "chunked")},
        {"line break in a value", 400, bad, Request().with("X", "a\r\nHost: b")},
        {"NUL in a value", 400, bad, Request().with("X", std::string("a\0", 2))},
        {"DEL in a value", 400, bad, Request().with("X", "\x7f")},
        {"empty method", 400, bad, Request().by("")},
        {"absolute target", 400, bad, Request().at("http://a.example:8080/chat")},
        {"dot segments", 400, bad, Request().at("/x/../chat")},
        {"encoded slash", 400, bad, Request().at("/x%2f../chat")},
        {"NUL in the path", 400, bad, Request().at("/chat%00")},

        {"unknown path", 404, RefuseReason::no_route, Request().at("/none")},
        {"unknown path, any method", 404, RefuseReason::no_route, Request().at("/none").by("POST")},
        {"a path is exact", 404, RefuseReason::no_route, Request().at("/chat/")},
        {"paths have a case", 404, RefuseReason::no_route, Request().at("/Chat")},

        {"POST", 405, RefuseReason::method_not_allowed, Request().by("POST")},
        {"HEAD", 405, RefuseReason::method_not_allowed, Request().by("HEAD")},
        {"methods have a case", 405, RefuseReason::method_not_allowed, Request().by("get")},
        {"CONNECT", 405, RefuseReason::method_not_allowed, Request().by("CONNECT")},
        {"POST to files", 405, RefuseReason::method_not_allowed, Request().at("/static/x").by("POST")},

        {"a body", 400, bad, Request().with("Content-Length", "1")},
        {"an odd length", 400, bad, Request().with("Content-Length", "+0")},
        {"an empty length", 400, bad, Request().with("Content-Length", "")},
        {"two lengths", 400, bad, Request().with("Content-Length", "0").with("Content-Length", "0")},
        {"two lengths in one", 400, bad, Request().with("Content-Length", "0, 0")},
        {"chunked", 400, bad, Request().with("Transfer-Encoding", "chunked")},
        {"identity", 400, bad, Request().with("transfer-encoding", "identity")},
        {"a body for files", 400, bad, Request().at("/static/x").with("Content-Length", "5")},

        {"plain GET", 426, RefuseReason::upgrade_required, Request().without("Upgrade").without("Connection")},
        {"another upgrade", 426, RefuseReason::upgrade_required, Request().set("Upgrade", "h2c")},
        {"nearly websocket", 426, RefuseReason::upgrade_required, Request().set("Upgrade", "websocket2")},
        {"two Upgrade lines", 400, bad, Request().with("Upgrade", "websocket")},
        {"HTTP/1.0", 400, bad, Request().http_1_0()},
        {"Connection without upgrade", 400, bad, Request().set("Connection", "keep-alive")},
        {"no Connection", 400, bad, Request().without("Connection")},
        {"nearly upgrade", 400, bad, Request().set("Connection", "upgrades, xupgrade")},
        {"no version", 426, RefuseReason::upgrade_required, Request().without("Sec-WebSocket-Version")},
        {"version 8", 426, RefuseReason::upgrade_required, Request().set("Sec-WebSocket-Version", "8")},
        {"version list", 426, RefuseReason::upgrade_required, Request().set("Sec-WebSocket-Version", "13, 8")},
        {"two versions", 400, bad, Request().with("Sec-WebSocket-Version", "13")},
        {"no key", 400, bad, Request().without("Sec-WebSocket-Key")},
        {"two keys", 400, bad, Request().with("Sec-WebSocket-Key", kKey)},
        {"short key", 400, bad, Request().set("Sec-WebSocket-Key", "dGhlIHNhbXBsZQ==")},
        {"long key", 400, bad, Request().set("Sec-WebSocket-Key", std::string(400, 'a') + "==")},
        {"key of other letters", 400, bad, Request().set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j_Q==")},

        {"another page", 403, RefuseReason::origin, Request().with("Origin", "http://evil.example")},
        {"another port", 403, RefuseReason::origin, Request().with("Origin", "http://a.example")},
        {"null page", 403, RefuseReason::origin, Request().with("Origin", "null")},
        {"two origins", 400, bad, Request().with("Origin", "http://a.example:8080").with("Origin", "http://x")},
        {"page not on the list", 403, RefuseReason::origin,
         Request().at("/room/1/").with("Origin", "http://a.example:8080")},

        {"sub-protocol twice", 400, bad, Request().with("Sec-WebSocket-Protocol", "a, b, a")},
        {"sub-protocol twice over lines", 400, bad,
         Request().with("Sec-WebSocket-Protocol", "a").with("sec-websocket-protocol", "a")},
        {"sub-protocol no token", 400, bad, Request().with("Sec-WebSocket-Protocol", "a b")},
        {"sub-protocol with a line break", 400, bad, Request().with("Sec-WebSocket-Protocol", "a\r\nX: y")},
    }));
    CAPTURE(row.name);
    const auto refusal = refused(row.request);
    CHECK(refusal.status == row.status);
    CHECK(refusal.reason == row.reason);
    CHECK_FALSE(refusal.text.empty());
}

TEST_CASE("upgrade: refusals say what would be right", "[proxy][listener][upgrade]") {
    CHECK(header_of(refused(Request().by("POST")), "Allow") == "GET");
    CHECK(header_of(refused(Request().at("/static/").by("PUT")), "Allow") == "GET, HEAD");
    CHECK(header_of(refused(Request().without("Upgrade")), "Upgrade") == "websocket");
    CHECK(header_of(refused(Request().set("Sec-WebSocket-Version", "12")), "Sec-WebSocket-Version") == "13");
    CHECK(refused(Request().at("/none").by("HEAD")).omit_body);
}

TEST_CASE("upgrade: the app sees all headers but those of this hop", "[proxy][listener][upgrade]") {
    const auto request = accepted(Request()
                                      .with("Cookie", "a=b")
                                      .with("x-forwarded-for", "1.2.3.4")
                                      .with("X-Forwarded-Anything", "x")
                                      .with("X-Forwarded", "x")
                                      .with("Forwarded", "for=1.2.3.4")
                                      .with("X-Real-IP", "1.2.3.4")
                                      .with("X_Real_IP", "1.2.3.4")
                                      .with("Proxy-Authorization", "Basic x")
                                      .with("X-Other", "kept")
                                      .with("Sec-WebSocket-Extensions", "permessage-deflate")
                                      .with("Sec-WebSocket-Protocol", "a")
                                      .with("Cookie", "c=d"));
    CHECK(request.headers == std::vector<Header>{{"Host", "a.example:8080"},
                                                 {"Cookie", "a=b"},
                                                 {"X-Other", "kept"},
                                                 {"Sec-WebSocket-Protocol", "a"},
                                                 {"Cookie", "c=d"}});
}

TEST_CASE("upgrade: path parameters are decoded", "[proxy][listener][upgrade]") {
    const auto request = accepted(Request().at("/room/a%20b/x?q").with("Origin", "https://page.example"));
    CHECK(request.route == 2);
    CHECK(request.path == "/room/a b/x");
    REQUIRE(request.parameters.size() == 1);
    CHECK(request.parameters[0].first == "room");
    CHECK(request.parameters[0].second == "a b");
}

TEST_CASE("upgrade: the first sub-protocol of the route that was offered", "[proxy][listener][upgrade]") {
    struct Row {
        std::string path, offer, chosen;
    };
    const auto row = GENERATE(values<Row>({{"/list", "a, b", "b"},
                                           {"/list", "a", "a"},
                                           {"/list", "c,a", "a"},
                                           {"/list", "c", ""},
                                           {"/list", "B", ""},
                                           {"/chat", "a", ""},
                                           {"/ask", "a", ""}}));
    CAPTURE(row.path, row.offer);
    CHECK(accepted(Request().at(row.path).with("Sec-WebSocket-Protocol", row.offer)).subprotocol == row.chosen);
}

TEST_CASE("upgrade: offers of several lines are one list", "[proxy][listener][upgrade]") {
    const auto request =
        accepted(Request().with("Sec-WebSocket-Protocol", "c, d").with("Sec-WebSocket-Protocol", ",, e ,"));
    CHECK(request.offered == std::vector<std::string>{"c", "d", "e"});
}

TEST_CASE("upgrade: headers, offers and the Open are bounded", "[proxy][listener][upgrade]") {
    SECTION("headers") {
        Request request;
        while (request.headers.size() < kMaxRequestHeaders) request.with("X", "y");
        CHECK(std::holds_alternative<UpgradeRequest>(request.decide()));
        const auto refusal = refused(request.with("X", "y"));
        CHECK(refusal.status == 431);
        CHECK(refusal.reason == RefuseReason::head_too_large);
    }
    SECTION("offers") {
        std::string offer;
        for (std::size_t i = 0; i < kMaxOfferedSubprotocols; ++i) offer += "p" + std::to_string(i) + ",";
        CHECK(accepted(Request().with("Sec-WebSocket-Protocol", offer)).offered.size() == kMaxOfferedSubprotocols);
        CHECK(refused(Request().with("Sec-WebSocket-Protocol", offer + "q")).status == 400);
    }
    SECTION("a path that is also a parameter counts twice") {
        const auto path = "/room/" + std::string(5000, 'x') + "/";
        CHECK(refused(Request().at(path)).status == 431);
        CHECK(accepted(Request().at("/room/" + std::string(3000, 'x') + "/")).path.size() == 3007);
    }
}

TEST_CASE("upgrade: files take GET and HEAD, and look at no upgrade", "[proxy][listener][upgrade]") {
    auto decision = Request().at("/static/a%20b/c.js?v=1").with("If-None-Match", "\"x\"").decide();
    REQUIRE(std::holds_alternative<FileRequest>(decision));
    auto request = std::get<FileRequest>(decision);
    CHECK(request.route == 3);
    CHECK(request.name == "a b/c.js");
    CHECK(request.if_none_match == "\"x\"");
    CHECK(request.keep_alive);
    CHECK_FALSE(request.is_head);

    request = std::get<FileRequest>(Request().at("/static/").by("HEAD").set("Connection", "close").decide());
    CHECK(request.name.empty());
    CHECK(request.is_head);
    CHECK_FALSE(request.keep_alive);
    CHECK_FALSE(std::get<FileRequest>(Request().at("/static/").http_1_0().decide()).keep_alive);
}
