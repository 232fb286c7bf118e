#include "trunkline/protocol/lane/ring.hpp"

#include <catch2/catch.hpp>

#include <array>

#include "trunkline/protocol/service/framing.hpp"

using namespace trunkline::protocol;

namespace {

std::string frame_of(std::size_t body, char fill) {
    std::string out;
    append_length(out, body);
    return out + std::string(body, fill);
}

std::string contents(const Ring& ring, std::uint64_t from, std::uint64_t to) {
    std::string all;
    std::array<Bytes, 3> views;
    while (from < to) {
        const auto count = ring.gather(from, to, views);
        REQUIRE(count > 0);
        for (std::size_t i = 0; i < count; ++i) {
            REQUIRE_FALSE(views[i].empty());
            all += views[i];
            from += views[i].size();
        }
    }
    CHECK(from == to);
    return all;
}

}  // namespace

TEST_CASE("Ring: keeps frames of every size across its blocks", "[protocol][lane][ring]") {
    Ring ring;
    std::string expected;
    std::vector<std::uint64_t> boundaries{0};
    char fill = 'a';
    for (const std::size_t body : {0, 1, 126, 127, 128, 129, 16383, 16384, 65534, 65535, 65536, 65537, 200000, 5}) {
        const auto bytes = frame_of(body, fill++);
        const auto half = bytes.size() / 2;
        ring.append(Bytes(bytes).substr(0, half), Bytes(bytes).substr(half));
        expected += bytes;
        boundaries.push_back(ring.end());
    }
    REQUIRE(ring.size() == expected.size());
    CHECK(contents(ring, 0, ring.end()) == expected);
    for (std::size_t i = 0; i + 1 < boundaries.size(); ++i) CHECK(ring.next_frame(boundaries[i]) == boundaries[i + 1]);

    for (std::size_t i = 1; i < boundaries.size(); ++i) {
        CAPTURE(i);
        if (boundaries[i] - boundaries[i - 1] > 1) CHECK_FALSE(ring.release(boundaries[i] - 1));
        REQUIRE(ring.release(boundaries[i]));
        CHECK(ring.begin() == boundaries[i]);
        CHECK(contents(ring, ring.begin(), ring.end()) == expected.substr(boundaries[i]));
        CHECK(ring.capacity() <= ring.size() + 2 * Ring::kBlockBytes);
    }
    CHECK(ring.capacity() == 0);
}

TEST_CASE("Ring: only frame boundaries inside it can be released", "[protocol][lane][ring]") {
    Ring ring;
    ring.append(frame_of(9, 'a'));
    ring.append(frame_of(9, 'b'));
    REQUIRE(ring.release(10));
    for (const std::uint64_t offset : {0, 1, 9, 11, 19, 21, 1000}) {
        CAPTURE(offset);
        CHECK_FALSE(ring.release(offset));
        CHECK(ring.begin() == 10);
        CHECK(ring.size() == 10);
    }
    CHECK(ring.release(10));
    CHECK(contents(ring, 10, 20) == frame_of(9, 'b'));
}

TEST_CASE("Ring: holds no memory while empty, and goes on where it was", "[protocol][lane][ring]") {
    Ring ring;
    CHECK(ring.capacity() == 0);
    const std::size_t body = GENERATE(as<std::size_t>{}, 10, 65532, 65533, 65534, 100000);
    std::uint64_t end = 0;
    for (int round = 0; round < 5; ++round) {
        CAPTURE(body, round);
        const auto bytes = frame_of(body, static_cast<char>('a' + round));
        ring.append(bytes);
        CHECK(ring.capacity() >= body);
        end += bytes.size();
        REQUIRE(ring.end() == end);
        CHECK(contents(ring, ring.begin(), end) == bytes);
        REQUIRE(ring.release(end));
        CHECK(ring.capacity() == 0);
    }
}
