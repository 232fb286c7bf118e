#include "appserver-sdk/src/connection_table.hpp"

#include <catch2/catch.hpp>

#include "appserver-sdk/src/core.hpp"

using namespace trunkline;
using protocol::Chan;

namespace {

Connection some_connection() {
    protocol::Open open;
    return Core::handle(std::make_shared<ConnectionState>(
        nullptr, open, std::make_shared<PoolBudget>(protocol::Epoch{1}, 1, 1, 1), nullptr));
}

}  // namespace

TEST_CASE("connection table: finds what is open, in any order of opening", "[appserver-sdk][table]") {
    ConnectionTable table;
    const auto connection = some_connection();
    for (const std::uint64_t chan : {2, 1, 255, 257, 256, 1000}) REQUIRE(table.insert(Chan{chan}, connection));
    CHECK(table.size() == 6);
    for (const std::uint64_t chan : {1, 2, 255, 256, 257, 1000}) CHECK(table.find(Chan{chan}) != nullptr);
    for (const std::uint64_t chan : {0, 3, 999, 1001, 1 << 30}) CHECK(table.find(Chan{chan}) == nullptr);
    CHECK_FALSE(table.insert(Chan{2}, connection));
    CHECK_FALSE(table.insert(Chan{0}, connection));
    CHECK_FALSE(table.insert(Chan{1001 + ConnectionTable::kMaxAhead}, connection));
    CHECK(table.take_all().size() == 6);
    CHECK(table.empty());
    CHECK(table.find(Chan{1}) == nullptr);
}

TEST_CASE("connection table: what lies far ahead costs no memory in between", "[appserver-sdk][table]") {
    ConnectionTable table;
    const auto connection = some_connection();
    std::uint64_t chan = 0;
    for (int i = 0; i < 1000; ++i) REQUIRE(table.insert(Chan{chan += ConnectionTable::kMaxAhead}, connection));
    CHECK(table.size() == 1000);
    CHECK(table.find(Chan{chan}) != nullptr);
    CHECK(table.find(Chan{chan - 300}) == nullptr);
    CHECK(table.insert(Chan{chan - 300}, connection));
}

TEST_CASE("connection table: a page is freed when all its chans have ended", "[appserver-sdk][table]") {
    ConnectionTable table;
    const auto connection = some_connection();
    for (std::uint64_t chan = 1; chan <= 600; ++chan) REQUIRE(table.insert(Chan{chan}, connection));
    // The second page ends before the first: its chans can be looked up, and not be opened again.
    for (std::uint64_t chan = 256; chan < 512; ++chan) table.erase(Chan{chan});
    CHECK(table.find(Chan{300}) == nullptr);
    CHECK_FALSE(table.insert(Chan{300}, connection));
    for (std::uint64_t chan = 1; chan < 256; ++chan) table.erase(Chan{chan});
    CHECK_FALSE(table.insert(Chan{7}, connection));
    CHECK(table.find(Chan{600}) != nullptr);
    CHECK(table.size() == 600 - 511);
    table.erase(Chan{600});
    table.erase(Chan{600});
    CHECK(table.size() == 600 - 512);
}
