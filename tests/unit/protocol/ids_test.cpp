#include "trunkline/protocol/ids.hpp"

#include <catch2/catch.hpp>

using namespace trunkline::protocol;

TEST_CASE("ConnectionId: text round-trips and names its proxy", "[protocol][ids]") {
    std::array<unsigned char, 16> random{};
    for (std::size_t i = 0; i < random.size(); ++i) random[i] = static_cast<unsigned char>(i * 37 + 5);
    const auto id = ConnectionId::located(Epoch{0x1122334455667788}, random);

    CHECK(id.is_located());
    CHECK(id.proxy_epoch_low() == 0x55667788);
    const auto text = id.to_string();
    REQUIRE(text.size() == ConnectionId::kTextLength);
    CHECK(std::string_view("AQgw").find(text.back()) != std::string_view::npos);
    CHECK(ConnectionId::parse(text) == id);
}

TEST_CASE("ConnectionId: what is not an id is refused", "[protocol][ids]") {
    auto text =
        GENERATE(as<std::string>{}, "", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB",
                 "AAAAAAAAAA+AAAAAAAAAAA", "AAAAAAAAAA/AAAAAAAAAAA", "AAAAAAAAAA=AAAAAAAAAAA");
    CAPTURE(text);
    CHECK_FALSE(ConnectionId::parse(text).has_value());
}
