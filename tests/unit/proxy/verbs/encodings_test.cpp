#include "proxy/verbs/encodings.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace trunkline;
using protocol::PayloadKind;
using protocol::PayloadMap;
using proxy::ClientProtocol;
using proxy::Encodings;
using proxy::Framing;

using Entries = std::vector<PayloadMap::Entry>;

TEST_CASE("Encodings: a raw client gets the text, or else the binary payload", "[proxy][encodings]") {
    struct Row {
        Entries payloads;
        std::string framed;
        std::size_t payload_bytes;
        PayloadKind kind;
    };
    const auto row = GENERATE(values<Row>({
        {{{"text", "hey"}}, "\x81\x03hey", 3, PayloadKind::text},
        {{{"binary", "ab"}},
         "\x82\x02"
         "ab",
         2,
         PayloadKind::binary},
        {{{"binary", "ab"}, {"json", "{}"}, {"text", "hey"}}, "\x81\x03hey", 3, PayloadKind::text},
        {{{"text", ""}}, std::string("\x81\x00", 2), 0, PayloadKind::text},
        {{{"binary", ""}}, std::string("\x82\x00", 2), 0, PayloadKind::binary},
        {{{"json", "{}"}, {"messagepack", "x"}}, "", 0, PayloadKind::text},
        {{}, "", 0, PayloadKind::text},
    }));
    Encodings encodings{PayloadMap(row.payloads)};
    const auto& encoded = encodings.get(ClientProtocol::raw, Framing::websocket);
    CHECK(encoded.message.view() == row.framed);
    CHECK(encoded.payload_bytes == row.payload_bytes);
    CHECK(encoded.kind == row.kind);
}

TEST_CASE("Encodings: the header has the length in its shortest form", "[proxy][encodings]") {
    const std::size_t size = GENERATE(0, 125, 126, 65535, 65536);
    const std::size_t header = size < 126 ? 2 : size < 65536 ? 4 : 10;
    const std::string payload(size, 'x');
    const Entries entries{{"text", payload}};
    Encodings encodings{PayloadMap(entries)};
    const auto& encoded = encodings.get(ClientProtocol::raw, Framing::websocket);
    REQUIRE(encoded.message.size() == header + size);
    CHECK(encoded.message.view().substr(header) == payload);
    CHECK(encoded.payload_bytes == size);
}

TEST_CASE("Encodings: a cell is encoded when it is first used, and then shared", "[proxy][encodings]") {
    std::string payload = "first";
    const Entries entries{{"text", payload}};
    Encodings encodings{PayloadMap(entries)};
    payload[0] = 'F';  // the table has read nothing yet
    const auto& encoded = encodings.get(ClientProtocol::raw, Framing::websocket);
    CHECK(encoded.message.view() ==
          "\x81\x05"
          "First");

    payload[0] = 'X';  // nor does it read again
    const auto again = encodings.get(ClientProtocol::raw, Framing::websocket).message;
    CHECK(again.view().data() == encoded.message.view().data());
    CHECK(again.use_count() == 2);
    CHECK(again.view() ==
          "\x81\x05"
          "First");
}

TEST_CASE("Encodings: a message outlives its table and the payload", "[proxy][encodings]") {
    net::SharedBytes message;
    {
        const std::string payload(3000, 'x');
        const Entries entries{{"binary", payload}};
        Encodings encodings{PayloadMap(entries)};
        message = encodings.get(ClientProtocol::raw, Framing::websocket).message;
    }
    CHECK(message.use_count() == 1);
    CHECK(message.view().substr(4) == std::string(3000, 'x'));
}
