#include "proxy/upstreams/native/chan_table.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using namespace trunkline;
using protocol::Chan;

TEST_CASE("ChanTable: finds what is open and nothing else", "[proxy][chan]") {
    std::mt19937 random(GENERATE(range(1u, 20u)));
    proxy::ChanTable<int> table;
    std::map<std::uint64_t, int*> open;
    std::vector<std::unique_ptr<int>> values;
    std::uint64_t highest = 0;
    for (int step = 0; step < 5000; ++step) {
        if (random() % 5 < 3) {
            values.push_back(std::make_unique<int>(step));
            const auto chan = static_cast<std::uint64_t>(table.add(*values.back()));
            REQUIRE(chan == ++highest);
            open[chan] = values.back().get();
        } else if (!open.empty()) {
            auto it = open.lower_bound(random() % (highest + 1));
            if (it == open.end()) it = open.begin();
            table.remove(Chan{it->first});
            open.erase(it);
        }
        const auto probe = random() % (highest + 3);
        const auto it = open.find(probe);
        REQUIRE(table.find(Chan{probe}) == (it == open.end() ? nullptr : it->second));
        REQUIRE(table.size() == open.size());
    }
    std::size_t seen = 0;
    table.for_each([&](int&) { ++seen; });
    CHECK(seen == open.size());
}

TEST_CASE("ChanTable: chans that never were are not found", "[proxy][chan]") {
    proxy::ChanTable<int> table;
    CHECK(table.find(Chan{0}) == nullptr);
    CHECK(table.find(Chan{1}) == nullptr);
    CHECK(table.find(Chan{~std::uint64_t{0}}) == nullptr);
    table.remove(Chan{7});
    int value = 0;
    CHECK(table.add(value) == Chan{1});
    table.remove(Chan{1});
    table.remove(Chan{1});
    CHECK(table.size() == 0);
}

TEST_CASE("ChanTable: a long-lived chan keeps its own page, not those behind it", "[proxy][chan]") {
    proxy::ChanTable<int> table;
    int value = 0;
    const Chan old = table.add(value);
    for (int i = 0; i < 100'000; ++i) table.remove(table.add(value));
    CHECK(table.pages() <= 2);
    CHECK(table.find(old) == &value);
    std::size_t seen = 0;
    table.for_each([&](int&) { ++seen; });
    CHECK(seen == 1);
}
