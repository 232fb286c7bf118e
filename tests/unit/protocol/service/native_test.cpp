#include "trunkline/protocol/service/extension.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <msgpack.hpp>

#include "support.hpp"

using namespace trunkline::protocol;

namespace {

std::string oracle_data(std::uint64_t chan, PayloadKind kind, const std::string& payload, bool redelivered) {
    msgpack::sbuffer buffer;
    msgpack::packer<msgpack::sbuffer> packer(buffer);
    packer.pack_array(redelivered ? 4 : 3);
    packer.pack(110);
    packer.pack(chan);
    if (kind == PayloadKind::text) {
        packer.pack(payload);
    } else {
        packer.pack_bin(static_cast<std::uint32_t>(payload.size()));
        packer.pack_bin_body(payload.data(), static_cast<std::uint32_t>(payload.size()));
    }
    if (redelivered) packer.pack(1);
    Buffer frame;
    append_length(frame, buffer.size());
    return frame.append(buffer.data(), buffer.size());
}

struct FullOpen {
    std::vector<std::pair<Bytes, Bytes>> claims{{"role", "a"}, {"role", "b"}};
    std::vector<Bytes> hosts{"example.com"}, none, two{"1", "2"};
    std::vector<Header> headers{{"Host", hosts}, {"X-None", none}, {"X-Two", two}};
    std::vector<Bytes> groups{"g1", "g2"};
    std::vector<std::pair<Bytes, Bytes>> parameters{{"room", "42"}};

    Open message() const {
        Open open;
        open.chan = Chan{300};
        open.attachment = 7;
        open.why = OpenReason::migrated;
        open.key = 255;
        open.connection_id = "gAAAAAAAAAAAAAAAAAAAAA";
        open.claims = claims;
        open.headers = headers;
        open.query = "a=b";
        open.groups = groups;
        open.client_protocol = "json";
        open.peer_address = "192.0.2.1:5";
        open.path = "/chat/42";
        open.ask = true;
        open.user = Bytes("");
        open.subprotocol = "v1";
        open.path_parameters = parameters;
        open.host = "example.com";
        return open;
    }
};

}  // namespace

TEST_CASE("Data: every boundary is the oracle's bytes, and comes back", "[protocol][native]") {
    const auto kind = GENERATE(PayloadKind::text, PayloadKind::binary);
    const auto redelivered = GENERATE(false, true);
    std::vector<std::size_t> lengths{0, 1, 31, 32, 255, 256, 65535, 65536, kDefaultMaxFrame};
    // Around each of these the length prefix grows by a byte.
    for (const std::size_t edge : {std::size_t{128}, std::size_t{16384}})
        for (std::size_t length = edge - 24; length < edge + 2; ++length) lengths.push_back(length);
    for (std::size_t length = (1 << 21) - 10; length < (1 << 21) - 6; ++length) lengths.push_back(length);
    for (const auto chan :
         {0ull, 1ull, 127ull, 128ull, 255ull, 256ull, 65535ull, 65536ull, 0xffffffffull, 0x100000000ull, ~0ull}) {
        for (const auto length : lengths) {
            if (length > 65536 && chan != 1) continue;  // they cost more than they show
            const std::string payload(length, 'p');
            const auto frame = encode_one(Data{Chan{chan}, kind, payload, redelivered});
            const auto expected = oracle_data(chan, kind, payload, redelivered);
            if (frame != expected) FAIL("chan " << chan << ", " << length << " bytes: " << hex(frame.substr(0, 24)));
            const auto data = decode_one<Data>(frame);
            if (data.chan != Chan{chan} || data.kind != kind || data.payload != payload ||
                data.redelivered != redelivered)
                FAIL("chan " << chan << ", " << length << " bytes came back different");
            // A byte behind the array sends it through the general reader instead of the plain one.
            Expect<Data> general;
            if (!decode(std::string(body_of(frame)) + '\xff', general) || general.seen != 1 ||
                general.message.chan != data.chan || general.message.kind != kind ||
                general.message.payload.size() != length)
                FAIL("chan " << chan << ", " << length << " bytes: two readers do not agree");
            char header[kMaxDataHeader];
            const auto size = encode_data_header(header, Chan{chan}, kind, length, redelivered);
            CHECK(size + length + redelivered == frame.size());
            CHECK(frame.compare(0, size, header, size) == 0);
        }
    }
}

TEST_CASE("Data: costs six to ten bytes over a usual payload", "[protocol][native]") {
    CHECK(encode_one(Data{Chan{1}, PayloadKind::text, std::string(31, 'x')}).size() == 31 + 5);
    CHECK(encode_one(Data{Chan{1}, PayloadKind::binary, std::string(64, 'x')}).size() == 64 + 6);
    CHECK(encode_one(Data{Chan{4000}, PayloadKind::text, std::string(64, 'x')}).size() == 64 + 8);
    CHECK(encode_one(Data{Chan{70000}, PayloadKind::text, std::string(200, 'x')}).size() == 200 + 11);
}

TEST_CASE("Open: all fields come back", "[protocol][native]") {
    const FullOpen full;
    const auto frame = encode_one(full.message());
    const auto open = decode_one<Open>(frame);
    CHECK(open.chan == Chan{300});
    CHECK(open.attachment == 7);
    CHECK(open.why == OpenReason::migrated);
    CHECK(open.key == 255);
    CHECK(open.connection_id == "gAAAAAAAAAAAAAAAAAAAAA");
    CHECK(open.query == "a=b");
    CHECK(open.client_protocol == "json");
    CHECK(open.peer_address == "192.0.2.1:5");
    CHECK(open.path == "/chat/42");
    CHECK(open.ask);
    CHECK(open.user == Bytes(""));
    CHECK(open.subprotocol == "v1");
    CHECK(open.host == "example.com");
    CHECK(open.path_parameters.find("room") == Bytes("42"));
    CHECK(open.groups.contains("g2"));
    std::string claims, headers;
    open.claims.for_each([&](Bytes key, Bytes value) { claims.append(key).append("=").append(value).append(";"); });
    CHECK(claims == "role=a;role=b;");
    open.headers.for_each([&](Bytes name, const StringList& values) {
        headers.append(name).append(":");
        values.for_each([&](Bytes value) { headers.append(value).append(","); });
    });
    CHECK(headers == "Host:example.com,X-None:X-Two:1,2,");
    CHECK(hex(encode_one(open)) == hex(frame));
}

TEST_CASE("native frames: no cut is taken for more than it is", "[protocol][native]") {
    const FullOpen full;
    std::vector<std::string> frames{encode_one(full.message()),
                                    encode_one(Open{}),
                                    encode_one(Attach{}),
                                    encode_one(Attached{}),
                                    encode_one(Ack{~0ull, 70000, 1}),
                                    encode_one(Bye{ByeCode::stalled, "text"}),
                                    encode_one(Data{Chan{9}, PayloadKind::binary, "payload", true}),
                                    encode_one(Accept{Chan{5}, Bytes("u"), full.groups, Bytes("p")}),
                                    encode_one(Close{Chan{5}, 4999, "reason", CloseBy::app}),
                                    encode_one(Detach{Chan{900}}),
                                    encode_one(Detached{Chan{900}}),
                                    encode_one(Pause{Chan{1}, true}),
                                    encode_one(Backlog{Chan{1}, false}),
                                    encode_one(Drain{1}),
                                    encode_one(Mark{1, 5})};
    for (const auto& frame : frames) {
        CAPTURE(hex(frame));
        const Bytes body = body_of(frame);
        Reencoder whole;
        REQUIRE(decode(body, whole));
        CHECK(hex(whole.out) == hex(frame));
        for (std::size_t cut = 0; cut < body.size(); ++cut) {
            const std::unique_ptr<char[]> copy(new char[cut]);
            body.copy(copy.get(), cut);
            Reencoder sink;
            const auto result = decode(Bytes(copy.get(), cut), sink);
            REQUIRE_FALSE(result);
            CHECK(result.error() == errc::truncated);
            CHECK(sink.out.empty());
        }
    }
}

TEST_CASE("native frames: unknown numbers and keys of a newer peer are kept or passed over", "[protocol][native]") {
    CHECK(decode_one<Bye>(unhex("05 93 67 CC C8 A0")).code == ByeCode{200});
    CHECK(decode_one<Attached>(unhex("07 95 65 09 00 00 C4 00")).status == AttachStatus{9});
    CHECK(decode_one<Close>(unhex("08 95 71 01 CD 03 E8 A0 05")).by == CloseBy{5});
    const auto frame = unhex("0F 93 70 01 83 63 92 01 02 01 A1 75 04 81 01 02");
    const auto accept = decode_one<Accept>(frame);
    CHECK(accept.user == Bytes("u"));
    CHECK(accept.groups.empty());
    CHECK_FALSE(accept.subprotocol.has_value());
}

TEST_CASE("native frames: malformed ones are refused", "[protocol][native]") {
    struct Row {
        const char* what;
        const char* body;
        errc error;
    };
    const auto row = GENERATE(values<Row>({
        {"pool of 15 bytes", "97 64 C4 0F 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00",
         errc::out_of_range},
        {"pool as str", "97 64 A1 00 00 01 00 00 00", errc::bad_type},
        {"Data without payload", "92 6E 01", errc::missing_field},
        {"Data with nil", "93 6E 01 C0", errc::bad_type},
        {"Data with a negative chan", "93 6E FF A0", errc::out_of_range},
        {"Data with a chan as str", "93 6E A1 31 A0", errc::bad_type},
        {"Open with key 256", "9A 6F 01 01 00 CD 01 00 A0 80 80 A0 80", errc::out_of_range},
        {"Open with a bad list in meta", "9A 6F 01 01 00 00 A0 80 80 A0 81 01 91 01", errc::bad_type},
        {"Open with a bad header value", "9A 6F 01 01 00 00 A0 80 81 A1 61 A1 62 A0 80", errc::bad_type},
        {"Open with a list for meta", "9A 6F 01 01 00 00 A0 80 80 A0 90", errc::bad_type},
        {"Close code of 17 bits", "95 71 01 CE 00 01 00 00 A0 00", errc::out_of_range},
        {"Pause with a number", "93 74 01 01", errc::bad_type},
        {"Pause without a state", "92 74 01", errc::missing_field},
        {"Ack without limit", "92 66 00", errc::missing_field},
        {"Mark without lanes", "92 77 01", errc::missing_field},
    }));
    CAPTURE(row.what);
    Reencoder sink;
    const auto body = unhex(row.body);
    const auto result = decode(body, sink);
    REQUIRE_FALSE(result);
    CHECK(result.error() == row.error);
    CHECK(sink.out.empty());
}

TEST_CASE("native frames: random bytes never come back as something else", "[protocol][native]") {
    std::mt19937 random(11);
    for (int round = 0; round < 30'000; ++round) {
        std::string body(random() % 40, '\0');
        for (auto& byte : body) byte = static_cast<char>(random());
        if (body.size() > 2)
            body[0] = static_cast<char>(0x90 | random() % 12), body[1] = static_cast<char>(random() % 120);
        Reencoder sink;
        if (!decode(body, sink) || sink.out.empty()) continue;
        Reencoder again;
        REQUIRE(decode(body_of(sink.out), again));
        REQUIRE(hex(again.out) == hex(sink.out));
    }
}
