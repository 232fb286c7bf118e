#include "proxy/upstreams/balance.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace trunkline::proxy;
using trunkline::config::Balance;

TEST_CASE("Balancer: round robin takes turns and skips who takes nothing", "[proxy][balance]") {
    Balancer balancer(Balance::round_robin);
    std::vector<Candidate> candidates{{true, 9}, {false, 0}, {true, 0}};
    std::vector<std::size_t> chosen;
    for (int i = 0; i < 4; ++i) chosen.push_back(balancer.choose(candidates).value());
    CHECK(chosen == std::vector<std::size_t>{0, 2, 0, 2});
}

TEST_CASE("Balancer: least connections, equal ones in turn", "[proxy][balance]") {
    Balancer balancer(Balance::least_connections);
    std::vector<Candidate> candidates{{true, 2}, {true, 0}, {true, 0}, {false, 0}};
    std::vector<std::size_t> chosen;
    for (int i = 0; i < 6; ++i) {
        chosen.push_back(balancer.choose(candidates).value());
        ++candidates[chosen.back()].connections;
    }
    CHECK(chosen == std::vector<std::size_t>{1, 2, 1, 2, 0, 1});
}

TEST_CASE("Balancer: nobody", "[proxy][balance]") {
    Balancer balancer(GENERATE(Balance::round_robin, Balance::least_connections));
    CHECK_FALSE(balancer.choose({}));
    const std::vector<Candidate> candidates{{false, 0}, {false, 3}};
    CHECK_FALSE(balancer.choose(candidates));
}
