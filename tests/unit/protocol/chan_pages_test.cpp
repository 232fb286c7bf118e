#include "trunkline/protocol/lane/chan_pages.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

using namespace trunkline::protocol;
using Pages = ChanPages<std::shared_ptr<int>>;

namespace {

std::vector<std::uint64_t> open_chans(const Pages& pages) {
    std::vector<std::uint64_t> chans;
    pages.for_each([&](Chan chan, const auto&) { chans.push_back(static_cast<std::uint64_t>(chan)); });
    return chans;
}

}  // namespace

TEST_CASE("ChanPages: finds what is open, in any order of opening", "[protocol][chan]") {
    Pages pages;
    const auto value = std::make_shared<int>();
    for (const std::uint64_t chan : {2, 1, 256, 258, 257, 1000}) REQUIRE(pages.insert(Chan{chan}, value));
    CHECK(pages.size() == 6);
    CHECK(pages.pages() == 3);
    for (const std::uint64_t chan : {1, 2, 256, 257, 258, 1000}) CHECK(pages.find(Chan{chan}) != nullptr);
    for (const std::uint64_t chan : {0, 3, 999, 1001, 1 << 30}) CHECK(pages.find(Chan{chan}) == nullptr);
    CHECK(pages.find(Chan{~std::uint64_t{0}}) == nullptr);
    CHECK_FALSE(pages.insert(Chan{2}, value));
    CHECK_FALSE(pages.insert(Chan{0}, value));
    CHECK(open_chans(pages) == std::vector<std::uint64_t>{1, 2, 256, 257, 258, 1000});
}

TEST_CASE("ChanPages: a page is freed when all its chans have ended", "[protocol][chan]") {
    Pages pages;
    const auto value = std::make_shared<int>();
    for (std::uint64_t chan = 1; chan <= 600; ++chan) REQUIRE(pages.insert(Chan{chan}, value));
    CHECK(pages.pages() == 3);
    // The second page ends before the first: its chans can be looked up, and not be opened again.
    for (std::uint64_t chan = 257; chan <= 512; ++chan) pages.erase(Chan{chan});
    CHECK(pages.pages() == 2);
    CHECK(pages.find(Chan{300}) == nullptr);
    CHECK_FALSE(pages.insert(Chan{300}, value));
    for (std::uint64_t chan = 1; chan < 256; ++chan) pages.erase(Chan{chan});
    CHECK(pages.pages() == 2);
    pages.erase(Chan{256});
    CHECK(pages.pages() == 1);
    CHECK_FALSE(pages.insert(Chan{7}, value));
    CHECK(pages.size() == 600 - 512);
    CHECK(pages.find(Chan{600}) != nullptr);
    CHECK(value.use_count() == 1 + 600 - 512);
}

TEST_CASE("ChanPages: a chan that ended before it was open counts as ended", "[protocol][chan]") {
    Pages pages;
    for (std::uint64_t chan = 1; chan <= 255; ++chan) REQUIRE(pages.insert_ended(Chan{chan}));
    CHECK(pages.pages() == 1);
    CHECK(pages.size() == 0);
    CHECK(pages.find(Chan{1}) == nullptr);
    REQUIRE(pages.insert_ended(Chan{256}));
    CHECK(pages.pages() == 0);
    CHECK_FALSE(pages.insert_ended(Chan{256}));
}

TEST_CASE("ChanPages: for_each may erase what it is given", "[protocol][chan]") {
    Pages pages;
    for (std::uint64_t chan = 1; chan <= 600; ++chan) REQUIRE(pages.insert(Chan{chan}, std::make_shared<int>()));
    std::size_t seen = 0;
    pages.for_each([&](Chan chan, const auto&) {
        ++seen;
        pages.erase(chan);
    });
    CHECK(seen == 600);
    CHECK(pages.size() == 0);
    CHECK(pages.pages() == 1);
}
