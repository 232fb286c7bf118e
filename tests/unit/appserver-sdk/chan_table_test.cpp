#include "appserver-sdk/src/chan_table.hpp"

#include <catch2/catch.hpp>

#include "appserver-sdk/src/connection_state.hpp"

using namespace trunkline;
using protocol::Chan;

namespace {

std::shared_ptr<ConnectionState> some_connection() {
    protocol::Open open;
    return std::make_shared<ConnectionState>(nullptr, open, std::make_shared<PoolBudget>(protocol::Epoch{1}, 1, 1, 1),
                                             nullptr);
}

}  // namespace

TEST_CASE("ChanTable: takes chans in any order, each once", "[appserver-sdk][table]") {
    ChanTable table;
    const auto connection = some_connection();
    CHECK(table.empty());
    for (const std::uint64_t chan : {2, 1, 255, 257, 256, 1000}) REQUIRE(table.insert(Chan{chan}, connection));
    CHECK(table.size() == 6);
    CHECK(table.all().size() == 6);
    CHECK(table.find(Chan{1000}) != nullptr);
    CHECK(table.find(Chan{3}) == nullptr);
    CHECK_FALSE(table.insert(Chan{2}, connection));
    CHECK_FALSE(table.insert(Chan{0}, connection));
    table.erase(Chan{2});
    CHECK(table.find(Chan{2}) == nullptr);
    CHECK(table.size() == 5);
}

TEST_CASE("ChanTable: what is far ahead costs no memory in between, what is too far is refused",
          "[appserver-sdk][table]") {
    ChanTable table;
    const auto connection = some_connection();
    std::uint64_t chan = 0;
    for (int i = 0; i < 1000; ++i) REQUIRE(table.insert(Chan{chan += ChanTable::kMaxAhead}, connection));
    CHECK(table.size() == 1000);
    CHECK(table.find(Chan{chan}) != nullptr);
    CHECK(table.find(Chan{chan - 300}) == nullptr);
    CHECK(table.insert(Chan{chan - 300}, connection));
    CHECK_FALSE(table.insert(Chan{chan + ChanTable::kMaxAhead + 1}, connection));
    CHECK(table.find(Chan{chan + ChanTable::kMaxAhead + 1}) == nullptr);
}
