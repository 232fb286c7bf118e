#include "trunkline/protocol/websocket/mask.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace trunkline::protocol::websocket;

TEST_CASE("unmask: every size at every place, and in two pieces", "[protocol][websocket][mask]") {
    const MaskKey key{{'\x12', '\x94', '\x56', '\xf8'}};
    std::string plain;
    for (int i = 0; i < 160; ++i) plain += static_cast<char>(i * 31 + 7);

    for (std::size_t place = 0; place < 9; ++place) {
        for (std::size_t size = 0; size + place + 1 <= plain.size(); ++size) {
            std::string data = plain;
            for (std::size_t i = 0; i < size; ++i)
                data[place + i] = static_cast<char>(data[place + i] ^ key.bytes[i % 4]);
            std::string pieces = data;
            unmask(data.data() + place, size, key);
            if (data != plain) FAIL("size " << size << " at " << place);

            const std::size_t cut = size / 3;
            unmask(pieces.data() + place, cut, key);
            unmask(pieces.data() + place + cut, size - cut, key.after(cut));
            if (pieces != plain) FAIL("size " << size << " at " << place << " cut at " << cut);
        }
    }
    SUCCEED();
}
