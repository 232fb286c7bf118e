// The worked bytes of SPEC.md, each one a message that is written to exactly them and read back from them.
#include <catch2/catch.hpp>
#include <functional>
#include <map>

#include "support.hpp"
#include "trunkline/protocol/service/handshake.hpp"

using namespace trunkline::protocol;

namespace {

struct Worked {
    std::string name;
    std::string frame;
};

/// "78*123" is the byte 78, 123 times.
std::string unhex_repeated(const std::string& text) {
    std::istringstream in(text);
    std::string bytes;
    for (std::string item; in >> item;) {
        const auto star = item.find('*');
        const auto times = star == std::string::npos ? 1 : std::stoul(item.substr(star + 1));
        for (std::size_t i = 0; i < times; ++i) bytes += unhex(item.substr(0, 2));
    }
    return bytes;
}

std::vector<Worked> worked_lines() {
    std::ifstream in(TRUNKLINE_SPEC);
    std::vector<Worked> rows;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line.rfind("```", 0) == 0) {
            inside = line == "```worked";
        } else if (inside) {
            const auto gap = line.find("   ");
            if (gap == std::string::npos) throw std::runtime_error("no name: " + line);
            rows.push_back({line.substr(line.find_first_not_of(' ', gap)), unhex_repeated(line.substr(0, gap))});
        }
    }
    return rows;
}

template <class Message>
std::function<std::string()> plain(Message message) {
    return [message] { return encode_one(message); };
}

PoolId pool_1_to_16() {
    PoolId pool;
    for (std::size_t i = 0; i < pool.bytes.size(); ++i) pool.bytes[i] = static_cast<char>(i + 1);
    return pool;
}

std::string native_handshake(const Hello& hello, void (*append_it)(Buffer&, const Hello&)) {
    Buffer out;
    append_it(out, hello);
    return out;
}

std::string app_hello() {
    Hello hello;
    hello.name = "a";
    hello.epoch = Epoch{7};
    return native_handshake(hello, append_handshake_request);
}

std::string proxy_hello() {
    Hello hello;
    hello.name = "p";
    hello.epoch = Epoch{5};
    hello.pool_size = 2;
    hello.workers = 1;
    hello.max_frame = kDefaultMaxFrame;
    return native_handshake(hello, append_handshake_response);
}

std::string accepted() {
    HandshakeResponse response;
    response.error = Bytes("");
    return encode_one(response);
}

std::string refused() {
    Buffer out;
    append_handshake_refusal(out, "no");
    return out;
}

std::string broadcast() {
    const std::vector<std::pair<Bytes, Bytes>> payloads{{"text", "hi"}, {"binary", "\xff"}};
    return encode_one(BroadcastData{.payloads = payloads});
}

std::string status_ping() {
    const std::vector<Bytes> pairs{"status", "1"};
    return encode_one(Ping{pairs});
}

std::string small_open() {
    Open open;
    open.chan = Chan{1};
    open.key = 7;
    open.attachment = 1;
    open.connection_id = "c1";
    open.path = "/";
    return encode_one(open);
}

std::string larger_open() {
    const std::vector<std::pair<Bytes, Bytes>> claims{{"r", "a"}, {"r", "b"}};
    const std::vector<Bytes> values{"h"};
    const std::vector<Header> headers{{"H", values}};
    Open open;
    open.chan = Chan{2};
    open.key = 255;
    open.attachment = 1;
    open.connection_id = "c2";
    open.claims = claims;
    open.headers = headers;
    open.query = "x=1";
    open.ask = true;
    open.user = Bytes("u");
    return encode_one(open);
}

std::string full_accept() {
    const std::vector<Bytes> groups{"g"};
    return encode_one(Accept{Chan{1}, Bytes("u"), groups, Bytes("p")});
}

std::string traced_data() {
    ConnectionData data{.connection_id = "c1", .payload = "x"};
    data.tracing_id = 7;
    data.data_type = DataMessageType::invocation;
    data.is_partial = true;
    return encode_one(data);
}

std::map<std::string, std::function<std::string()>> messages() {
    static const std::string x123(123, 'x');
    constexpr auto text = PayloadKind::text;
    UserJoinGroup join{.user_id = "u1", .group = "g"};
    join.ttl_seconds = 60;
    return {
        {"Ping: keep-alive", plain(Ping{})},
        {"Data: chan 1, 123 bytes of text: a length of two bytes", plain(Data{Chan{1}, text, x123})},
        {"HandshakeRequest: plain version 1", plain(HandshakeRequest{})},
        {"HandshakeResponse: accepted, plain version 1", accepted},
        {"HandshakeResponse: refused, \"no\"", refused},
        {"HandshakeRequest: hello of app \"a\"", app_hello},
        {"HandshakeResponse: hello of proxy \"p\"", proxy_hello},
        {"Attach: lane 2 of 5, new", plain(Attach{pool_1_to_16(), 2, 5, 0, 0, kDefaultWindow})},
        {"Attached: ok, nothing received, limit 1 MiB", plain(Attached{AttachStatus::ok, 0, kDefaultWindow, {}})},
        {"Attached: unknown pool", plain(Attached{AttachStatus::unknown_pool, 0, 0, {}})},
        {"LeaveGroup: c1 leaves all groups", plain(LeaveGroup{.connection_id = "c1"})},
        {"ConnectionData: a SignalR ping for c1",
         plain(ConnectionData{.connection_id = "c1", .payload = "{\"type\":6}\x1e"})},
        {"Ping: status 1", status_ping},
        {"BroadcastData: text \"hi\", or the byte FF", broadcast},
        {"JoinGroupWithAck: c1 joins g, ack 1",
         plain(JoinGroupWithAck{.connection_id = "c1", .group = "g", .ack_id = 1})},
        {"ConnectionFlowControl: int32 numbers", plain(ConnectionFlowControl{"c1", 1, 2})},
        {"ConnectionData: tracing id 7, an invocation, partial", traced_data},
        {"UserJoinGroup: for 60 s", plain(join)},
        {"Ack: 1024 bytes handled, limit 1 MiB more, stamp 123456", plain(Ack{1024, 1024 + kDefaultWindow, 123456})},
        {"Bye: stopping", plain(Bye{})},
        {"Bye: bad frame, \"chan?\"", plain(Bye{ByeCode::bad_frame, "chan?"})},
        {"Data: chan 1, text \"hi\"", plain(Data{Chan{1}, text, "hi"})},
        {"Data: chan 1, three bytes", plain(Data{Chan{1}, PayloadKind::binary, "\x01\x02\x03"})},
        {"Data: chan 127", plain(Data{Chan{127}, text, "x"})},
        {"Data: chan 128", plain(Data{Chan{128}, text, "x"})},
        {"Data: chan 4000, text \"one\", redelivered", plain(Data{Chan{4000}, text, "one", true})},
        {"Data: chan 1, an empty text", plain(Data{Chan{1}, text, ""})},
        {"Open: chan 1 of c1, key 7, path \"/\"", small_open},
        {"Open: two claims \"r\", a header, a query, ask, user \"u\"", larger_open},
        {"Accept: chan 1 as it is", plain(Accept{Chan{1}, {}, {}, {}})},
        {"Accept: user \"u\", group \"g\", sub-protocol \"p\"", full_accept},
        {"Close: chan 1, 1000 \"bye\", by the app", plain(Close{Chan{1}, 1000, "bye", CloseBy::app})},
        {"Close: chan 1, 1006, by the client", plain(Close{Chan{1}, 1006, "", CloseBy::client})},
        {"Close: chan 1, refused with 401", plain(Close{Chan{1}, 401, "", CloseBy::app})},
        {"Pause: chan 1, stop", plain(Pause{Chan{1}, true})},
        {"Pause: chan 1, go on", plain(Pause{Chan{1}, false})},
        {"Backlog: chan 1, on", plain(Backlog{Chan{1}, true})},
        {"Drain: announced", plain(Drain{0})},
        {"Drain: answered", plain(Drain{1})},
        {"Detach: chan 1", plain(Detach{Chan{1}})},
        {"Detached: chan 1", plain(Detached{Chan{1}})},
        {"Mark: version 1, five lanes", plain(Mark{1, 5})},
    };
}

}  // namespace

TEST_CASE("SPEC.md: the worked bytes are what the encoder writes and the decoder reads", "[protocol][spec]") {
    auto expected = messages();
    for (const auto& row : worked_lines()) {
        CAPTURE(row.name);
        const auto found = expected.find(row.name);
        REQUIRE(found != expected.end());
        CHECK(hex(found->second()) == hex(row.frame));
        Reencoder sink;
        REQUIRE(decode(body_of(row.frame), sink));
        CHECK(hex(sink.out) == hex(row.frame));
        expected.erase(found);
    }
    for (const auto& row : expected) FAIL_CHECK("not in SPEC.md: " << row.first);
}
