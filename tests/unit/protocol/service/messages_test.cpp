#include "trunkline/protocol/service/messages.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <msgpack.hpp>

#include "support.hpp"

using namespace trunkline::protocol;

namespace {

std::vector<Recorded> all_recordings() {
    auto rows = recordings("vectors.jsonl");
    for (auto& row : recordings("app_to_service.jsonl")) rows.push_back(std::move(row));
    return rows;
}

/// Whether msgpack-c's reading of a value is the JSON one of the recording.
bool same(const msgpack::object& value, const nlohmann::json& expected) {
    using msgpack::type::object_type;
    switch (value.type) {
        case object_type::NIL: return expected.is_null();
        case object_type::BOOLEAN: return expected.is_boolean() && expected.get<bool>() == value.via.boolean;
        case object_type::POSITIVE_INTEGER:
            return expected.is_number() && expected.get<std::uint64_t>() == value.via.u64;
        case object_type::STR: return expected.is_string() && expected.get<std::string>() == value.as<std::string>();
        case object_type::BIN: {
            const std::string content(value.via.bin.ptr, value.via.bin.size);
            if (expected.contains("binhex")) return unhex(expected["binhex"].get<std::string>()) == content;
            return expected.contains("bin") && expected["bin"].get<std::string>() == content;
        }
        case object_type::ARRAY: {
            if (!expected.is_array() || expected.size() != value.via.array.size) return false;
            for (std::size_t i = 0; i < expected.size(); ++i)
                if (!same(value.via.array.ptr[i], expected[i])) return false;
            return true;
        }
        case object_type::MAP: {
            if (!expected.is_object()) return false;
            const auto& map = value.via.map;
            if (expected.contains("$pairs")) {
                const auto& pairs = expected["$pairs"];
                if (pairs.size() != map.size) return false;
                for (std::size_t i = 0; i < pairs.size(); ++i)
                    if (!same(map.ptr[i].key, pairs[i][0]) || !same(map.ptr[i].val, pairs[i][1])) return false;
                return true;
            }
            if (expected.size() != map.size) return false;
            for (std::size_t i = 0; i < map.size; ++i) {
                const auto& key = map.ptr[i].key;
                const auto name = key.type == object_type::STR ? key.as<std::string>() : std::to_string(key.via.u64);
                if (!expected.contains(name) || !same(map.ptr[i].val, expected[name])) return false;
            }
            return true;
        }
        default: return false;
    }
}

struct RefusesPings {
    Result<void> on(const Ping&) { return errc::unexpected_frame; }
    template <class Message>
    void on(const Message&) {}
};

}  // namespace

TEST_CASE("messages: every recording is encoded to the same bytes again", "[protocol][messages][conformance]") {
    const auto rows = all_recordings();
    REQUIRE(rows.size() > 500);
    for (const auto& row : rows) {
        CAPTURE(row.name, hex(row.frame));
        Reencoder sink;
        const auto result = decode(body_of(row.frame), sink);
        REQUIRE(result);
        CHECK(sink.unknown.empty());
        CHECK(hex(sink.out) == hex(row.frame));
    }
}

TEST_CASE("messages: another reader sees in our bytes what the recording says", "[protocol][messages][conformance]") {
    std::vector<bool> types(41);
    for (const auto& row : recordings("vectors.jsonl")) {
        CAPTURE(row.name);
        Reencoder sink;
        REQUIRE(decode(body_of(row.frame), sink));
        const Bytes body = body_of(sink.out);
        std::size_t end = 0;
        const auto handle = msgpack::unpack(body.data(), body.size(), end);
        CHECK(end == body.size());
        CHECK(same(handle.get(), row.message));
        types.at(row.message[0].get<std::size_t>()) = true;
    }
    for (std::size_t type = 1; type <= 39; ++type) CHECK(types[type]);
}

TEST_CASE("messages: no cut of a frame is taken for more than it is", "[protocol][messages]") {
    for (const auto& row : all_recordings()) {
        CAPTURE(row.name);
        const Bytes body = body_of(row.frame);
        for (std::size_t cut = 0; cut < body.size(); ++cut) {
            // An exact copy, so that the address sanitizer sees a read behind it.
            const std::unique_ptr<char[]> copy(new char[cut]);
            body.copy(copy.get(), cut);
            Reencoder sink;
            const auto result = decode(Bytes(copy.get(), cut), sink);
            // Only a trailing map that nobody reads may be missing.
            if (result ? sink.out != row.frame : result.error() != errc::truncated) FAIL("cut at " << cut);
        }
    }
}

TEST_CASE("messages: a stream in random cuts gives the same frames", "[protocol][messages][framing]") {
    std::string stream;
    for (const auto& row : all_recordings()) stream += row.frame;
    std::mt19937 random(4711);
    for (int round = 0; round < 8; ++round) {
        const std::size_t longest = round == 0 ? 1 : std::size_t{1} << (round * 2);
        std::string pending;
        Reencoder sink;
        for (std::size_t at = 0; at < stream.size();) {
            const auto step = std::min<std::size_t>(stream.size() - at, 1 + random() % longest);
            pending.append(stream, at, step);
            at += step;
            Bytes rest = pending;
            while (true) {
                const auto length = read_length(rest, kDefaultMaxFrame);
                if (!length) FAIL("illegal prefix");
                if (!length.value() || length.value()->total() > rest.size()) break;
                if (!decode(rest.substr(length.value()->prefix, length.value()->body), sink)) FAIL("refused");
                rest.remove_prefix(length.value()->total());
            }
            pending.erase(0, pending.size() - rest.size());
        }
        CHECK(pending.empty());
        CHECK((sink.out == stream));
    }
}

TEST_CASE("messages: nil and empty stay distinct where nil means something", "[protocol][messages]") {
    CHECK_FALSE(decode_one<LeaveGroup>(unhex("07 94 0C A2 63 31 C0 80")).group.has_value());
    CHECK(decode_one<LeaveGroup>(unhex("07 94 0C A2 63 31 A0 80")).group == Bytes(""));
    CHECK(hex(encode_one(HandshakeResponse{})) == "05 94 02 C0 80 C0");
    HandshakeResponse accepted;
    accepted.error = Bytes("");
    CHECK(hex(encode_one(accepted)) == "05 94 02 A0 80 C0");
    RequestAck ack{.ack_id = 5};
    CHECK(hex(encode_one(ack)) == "07 96 14 05 01 C0 80 C0");
    ack.payload = Bytes("");
    CHECK(hex(encode_one(ack)) == "08 96 14 05 01 C0 80 C4 00");
}

TEST_CASE("messages: missing trailing fields are defaults", "[protocol][messages]") {
    const auto request = decode_one<HandshakeRequest>(unhex("03 92 01 01"));
    CHECK(request.version == 1);
    CHECK_FALSE(request.hello.has_value());
    CHECK_FALSE(request.allow_stateful_reconnects);
    CHECK_FALSE(decode_one<HandshakeResponse>(unhex("03 92 02 A0")).connection_id.has_value());
    CHECK(decode_one<ConnectionData>(unhex("08 93 06 A2 63 31 C4 01 78")).payload == "x");
    CHECK(decode_one<CloseConnection>(unhex("05 92 05 A2 63 31")).headers.empty());
    const auto ack = decode_one<RequestAck>(unhex("04 93 14 07 02"));
    CHECK(ack.status == AckStatus::not_found);
    CHECK_FALSE(ack.message.has_value());
    CHECK(decode_one<GroupBroadcastData>(unhex("06 94 0D A1 67 90 80")).excluded_user_ids.empty());
}

TEST_CASE("Ping: pairs in turn, nil as empty", "[protocol][messages]") {
    const auto frame = unhex("0A 94 03 A4 65 63 68 6F C0 A1 31");
    const auto ping = decode_one<Ping>(frame);
    std::vector<std::string> items;
    ping.messages.for_each([&](Bytes item) { items.emplace_back(item); });
    CHECK(items == std::vector<std::string>{"echo", "", "1"});
    CHECK(decode_one<Ping>(unhex("02 91 03")).messages.empty());
}

TEST_CASE("messages: further elements, bytes behind the array and wide numbers are taken", "[protocol][messages]") {
    const auto* frame = GENERATE("0B 95 06 A2 63 31 C4 01 78 80 CA FF", "0A 94 06 A2 63 31 C4 01 78 80 FF",
                                 "0D 94 CE 00 00 00 06 A2 63 31 C4 01 78 80", "0B DC 00 04 06 A2 63 31 C4 01 78 80",
                                 "8A 00 94 06 A2 63 31 C4 01 78 80 00");
    CAPTURE(frame);
    const auto bytes = unhex(frame);
    const auto data = decode_one<ConnectionData>(bytes);
    CHECK(data.connection_id == "c1");
    CHECK(data.payload == "x");
}

TEST_CASE("messages: extension keys that are unknown or not of this type are passed over",
          "[protocol][messages][extension]") {
    // {77: {"a": [1, 2]}, 2: 30, 5: 2, 6: true}: neither 77 nor Ttl belong to ConnectionData.
    const auto frame = unhex("16 94 06 A2 63 31 C4 01 78 84 4D 81 A1 61 92 01 02 02 1E 05 02 06 C3");
    const auto data = decode_one<ConnectionData>(frame);
    CHECK(data.data_type == DataMessageType::invocation);
    CHECK(data.is_partial == true);
    CHECK_FALSE(data.tracing_id.has_value());
    CHECK(hex(encode_one(data)) == "0D 94 06 A2 63 31 C4 01 78 82 05 02 06 C3");
}

TEST_CASE("messages: malformed frames are refused", "[protocol][messages]") {
    struct Row {
        const char* what;
        const char* frame;
        errc error;
    };
    const auto row = GENERATE(values<Row>({
        {"nil connection id", "07 94 06 C0 C4 01 78 80", errc::bad_type},
        {"payload as str", "08 94 06 A2 63 31 A1 78 80", errc::bad_type},
        {"int in a ping", "03 92 03 01", errc::bad_type},
        {"empty array", "01 90", errc::missing_field},
        {"map for an array", "03 81 06 01", errc::bad_type},
        {"no body", "00", errc::truncated},
        {"content cut", "07 94 06 A2 63 31 C4 05", errc::truncated},
        {"an ack without status", "03 92 14 01", errc::missing_field},
        {"no connection id", "02 91 26", errc::missing_field},
        {"ack id of 33 bits", "0E 95 12 A1 63 A1 67 CF 00 00 00 01 00 00 00 00", errc::out_of_range},
        {"negative type", "02 91 FF", errc::out_of_range},
        {"extension as a list", "08 94 06 A1 63 C4 01 78 90", errc::bad_type},
        {"extension key as a string", "0B 94 06 A1 63 C4 01 78 81 A1 35 01", errc::bad_type},
        {"too deep under an unknown key",
         "1C 94 06 A1 63 C4 00 81 4D 91 91 91 91 91 91 91 91 91 91 91 91 91 91 91 91 91 91 01 01", errc::too_deep},
        {"claims with a number", "0B 96 04 A1 63 81 A1 61 01 80 A0 80", errc::bad_type},
    }));
    CAPTURE(row.what);
    auto frame = unhex(row.frame);
    frame[0] = static_cast<char>(frame.size() - 1);
    Reencoder sink;
    const auto result = decode(body_of(frame), sink);
    REQUIRE_FALSE(result);
    CHECK(result.error() == row.error);
    CHECK(sink.out.empty());
}

TEST_CASE("messages: unknown types are passed over unread", "[protocol][messages]") {
    for (const auto* body : {"92 00 C1", "93 28 C1 C1", "92 2A C1", "92 64 C1", "92 78 C1", "92 CC C8 C1"}) {
        Reencoder sink;
        const auto result = decode(unhex(body), sink);
        CAPTURE(body);
        if (sink.unknown.empty()) {
            CHECK(std::string_view(body) == "92 64 C1");  // 100 is ours: Attach
            CHECK_FALSE(result);
        } else {
            CHECK(result);
        }
    }
}

TEST_CASE("decode: an overload's own error is handed back", "[protocol][messages]") {
    RefusesPings sink;
    CHECK(decode(unhex("91 03"), sink).error() == errc::unexpected_frame);
    CHECK(decode(unhex("93 6E 01 A0"), sink));
}

TEST_CASE("messages: lists and maps of the caller's are encoded like decoded ones", "[protocol][messages]") {
    const std::vector<Bytes> ids{"c1", "c2"};
    const std::vector<std::pair<Bytes, Bytes>> payloads{{"json", "{}\x1e"}, {"messagepack", Bytes("\x00\x01", 2)}};
    MultiConnectionData message{.connection_ids = ids, .payloads = payloads};
    const auto frame = encode_one(message);
    CHECK(message.connection_ids.contains("c2"));
    CHECK(message.payloads.find("messagepack")->size() == 2);
    const auto decoded = decode_one<MultiConnectionData>(frame);
    CHECK(decoded.connection_ids.contains("c2"));
    CHECK(decoded.payloads.find("json") == Bytes("{}\x1e"));
    CHECK(hex(encode_one(decoded)) == hex(frame));
}
