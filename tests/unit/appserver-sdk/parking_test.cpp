#include "appserver-sdk/src/core/parking.hpp"

#include <catch2/catch.hpp>

using namespace trunkline;

namespace {

std::shared_ptr<ConnectionState> some_connection() {
    protocol::Open open;
    return std::make_shared<ConnectionState>(nullptr, open, std::make_shared<PoolBudget>(protocol::Epoch{1}, 1, 1, 1),
                                             nullptr);
}

ParkedMessage text(std::size_t bytes) { return {MessageKind::text, false, std::string(bytes, 'x')}; }

}  // namespace

TEST_CASE("Parking: gives messages back in their order, and their room with them", "[appserver-sdk][parking]") {
    Limits limits;
    limits.parked_in_all = 2 * cost_of("") + 30;
    Parking parking(limits);
    const auto connection = some_connection();
    CHECK(parking.largest() == nullptr);
    parking.add(connection, text(10));
    parking.add(connection, text(20));
    CHECK(connection->parked.bytes() == limits.parked_in_all);
    CHECK(parking.is_full(""));
    CHECK(parking.largest() == connection);
    CHECK(parking.take(*connection).bytes.size() == 10);
    CHECK_FALSE(parking.is_full(std::string(10, 'x')));
    CHECK(parking.is_full(std::string(11, 'x')));
    CHECK(parking.take(*connection).bytes.size() == 20);
    CHECK(connection->parked.empty());
    CHECK(parking.largest() == nullptr);
    CHECK(connection.use_count() == 1);
}

TEST_CASE("Parking: one connection may always keep one message", "[appserver-sdk][parking]") {
    Limits limits;
    limits.parked_per_connection = 100;
    Parking parking(limits);
    const auto connection = some_connection();
    CHECK_FALSE(parking.is_too_much(*connection, std::string(1000, 'x')));
    parking.add(connection, text(1));
    CHECK(parking.is_too_much(*connection, std::string(100 - cost_of("x") - cost_of("") + 1, 'x')));
    CHECK_FALSE(parking.is_too_much(*connection, std::string(100 - cost_of("x") - cost_of(""), 'x')));
}

TEST_CASE("Parking: knows who keeps most, whatever comes and goes", "[appserver-sdk][parking]") {
    const Limits limits;
    Parking parking(limits);
    const auto first = some_connection();
    const auto second = some_connection();
    parking.add(first, text(10));
    parking.add(second, text(5));
    CHECK(parking.largest() == first);
    parking.add(second, text(5));
    CHECK(parking.largest() == second);
    parking.take(*second);
    CHECK(parking.largest() == first);
    parking.drop(*first);
    parking.drop(*first);
    CHECK(first->parked.empty());
    CHECK(parking.largest() == second);
    parking.drop(*second);
    CHECK(parking.largest() == nullptr);
}
