#include "proxy/clients/outbox.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <deque>
#include <random>
#include <string>

using namespace trunkline;
using proxy::Outbox;
using Kind = Outbox::Kind;

namespace {

/// Bytes that tell entries apart; what they are is not the outbox's business.
std::string entry(std::size_t size, char fill = 'x') { return std::string(size, fill); }

net::SharedBytes shared(std::string_view bytes) { return net::SharedBytes::copy_of(bytes); }

/// The first bytes that wait, at most `limit`, as one write takes them.
std::string take(const Outbox& outbox, std::size_t pieces_of_one_write, std::size_t limit) {
    std::vector<std::string_view> pieces(pieces_of_one_write);
    std::string bytes;
    const std::size_t n = outbox.gather(pieces);
    for (std::size_t i = 0; i < n; ++i) {
        REQUIRE(!pieces[i].empty());
        bytes.append(pieces[i]);
    }
    return bytes.substr(0, limit);
}

std::string all_of(const Outbox& outbox) { return take(outbox, 1000, std::string::npos); }

std::size_t pieces_of(const Outbox& outbox) {
    std::vector<std::string_view> pieces(1000);
    return outbox.gather(pieces);
}

/// An outbox of entries one by one, to compare with.
struct Model {
    struct Entry {
        std::string bytes;
        bool is_message;
        bool may_drop;
    };

    void written(std::size_t bytes) {
        for (begun += bytes; !entries.empty() && begun >= entries.front().bytes.size(); entries.pop_front()) {
            begun -= entries.front().bytes.size();
        }
    }
    bool drop_oldest() {
        for (auto at = unbegun(); at != entries.end(); ++at) {
            if (at->may_drop) return entries.erase(at), true;
        }
        return false;
    }
    bool drop_newest() {
        for (auto at = entries.end(); at != unbegun();) {
            if ((--at)->may_drop) return entries.erase(at), true;
        }
        return false;
    }
    std::size_t drop_unbegun() {
        const std::size_t before = messages();
        entries.erase(unbegun(), entries.end());
        return before - messages();
    }
    std::size_t messages() const {
        return static_cast<std::size_t>(
            std::count_if(entries.begin(), entries.end(), [](const Entry& e) { return e.is_message; }));
    }
    std::string rest() const {
        std::string bytes;
        for (const auto& e : entries) bytes += e.bytes;
        return bytes.substr(begun);
    }
    std::deque<Entry>::iterator unbegun() { return entries.begin() + (begun != 0 ? 1 : 0); }

    std::deque<Entry> entries;
    std::size_t begun = 0;
};

}  // namespace

TEST_CASE("Outbox: does what a list of entries would, whatever is appended, written and dropped", "[proxy][outbox]") {
    std::mt19937 random(GENERATE(range(1u, 80u)));
    Outbox outbox;
    Model model;
    char fill = 'a';
    for (int step = 0; step < 500; ++step) {
        const auto bytes = entry(1 + random() % (random() % 4 == 0 ? 6000 : 60), fill);
        fill = fill == 'z' ? 'a' : static_cast<char>(fill + 1);
        switch (random() % 12) {
            case 0:
            case 1:
            case 2: {
                const auto head = random() % (bytes.size() + 1);
                const bool is_message = random() % 4 != 0;
                outbox.append(is_message ? Kind::message : Kind::control, std::string_view(bytes).substr(0, head),
                              std::string_view(bytes).substr(head));
                model.entries.push_back({bytes, is_message, false});
                break;
            }
            case 3:
            case 4:
            case 5: {
                outbox.append_shared(shared(bytes));
                model.entries.push_back({bytes, true, true});
                break;
            }
            case 6: REQUIRE(outbox.drop_oldest() == model.drop_oldest()); break;
            case 7: REQUIRE(outbox.drop_newest() == model.drop_newest()); break;
            case 8: {
                if (random() % 8 == 0) REQUIRE(outbox.drop_unbegun() == model.drop_unbegun());
                break;
            }
            default: {
                const auto out = take(outbox, 4, random() % 5000);
                REQUIRE(model.rest().starts_with(out));
                outbox.written(out.size());
                model.written(out.size());
            }
        }
        const auto rest = model.rest();
        REQUIRE(outbox.empty() == rest.empty());
        REQUIRE(outbox.bytes() == rest.size());
        REQUIRE(outbox.messages() == model.messages());
        REQUIRE(all_of(outbox) == rest);

        std::size_t freed = 0;
        for (auto at = model.unbegun(); at != model.entries.end(); ++at) {
            if (at->may_drop) freed += at->bytes.size() + 16;
        }
        REQUIRE(outbox.cost_if_dropped() == outbox.cost() - freed);
    }
}

TEST_CASE("Outbox: a burst of copied entries is one piece", "[proxy][outbox]") {
    Outbox outbox;
    for (int i = 0; i < 1000; ++i) outbox.append(i % 5 == 0 ? Kind::control : Kind::message, "ab", "cd");
    CHECK(pieces_of(outbox) == 1);
    outbox.append_shared(shared(entry(5000)));
    outbox.append(Kind::message, "ef");
    outbox.append(Kind::message, "gh");
    CHECK(pieces_of(outbox) == 3);
    outbox.drop_oldest();
    CHECK(pieces_of(outbox) == 1);
}

TEST_CASE("Outbox: its cost counts the record of each entry", "[proxy][outbox]") {
    Outbox outbox;
    SECTION("shared") {
        for (int i = 0; i < 1000; ++i) outbox.append_shared(shared("x"));
        CHECK(outbox.cost() == 17 * 1000);
        CHECK(outbox.cost_if_dropped() == 0);
        while (outbox.drop_oldest()) continue;
    }
    SECTION("copied") {
        for (int i = 0; i < 1000; ++i) outbox.append(Kind::message, "x");
        CHECK(outbox.cost() == 5 * 1000);
        CHECK(outbox.cost_if_dropped() == outbox.cost());
        outbox.written(1000);
    }
    CHECK(outbox.cost() == 0);
    CHECK(outbox.empty());
}

TEST_CASE("Outbox: what was not begun can be dropped, a begun entry stays whole", "[proxy][outbox]") {
    const bool is_shared = GENERATE(false, true);
    const std::size_t size = GENERATE(2, 125, 126, 65535, 65536);
    const auto first = entry(size, 'f');
    const std::size_t written = GENERATE_COPY(std::size_t{0}, std::size_t{1}, first.size() - 1);
    CAPTURE(is_shared, size, written);

    Outbox outbox;
    if (is_shared) {
        outbox.append_shared(shared(first));
    } else {
        outbox.append(Kind::message, first);
    }
    outbox.append(Kind::message, entry(10));
    outbox.append_shared(shared(entry(5000)));
    outbox.written(written);
    CHECK(outbox.drop_unbegun() == (written == 0 ? 3 : 2));

    const auto rest = written == 0 ? std::string() : first.substr(written);
    CHECK(outbox.bytes() == rest.size());
    CHECK(outbox.messages() == (written == 0 ? 0 : 1));
    CHECK(all_of(outbox) == rest);
    outbox.append(Kind::control, "end");
    CHECK(all_of(outbox) == rest + "end");
}

TEST_CASE("Outbox: counts messages, not what goes along with them", "[proxy][outbox]") {
    Outbox outbox;
    outbox.append(Kind::control, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
    outbox.append(Kind::control, "ping");
    outbox.append(Kind::message, "first");
    outbox.append(Kind::message, "second");
    outbox.append_shared(shared(entry(5000)));
    outbox.append(Kind::control, "close");
    CHECK(outbox.messages() == 3);
    outbox.written(36);
    CHECK(outbox.messages() == 3);
    outbox.written(4 + 5 + 1);  // one is out, one has begun
    CHECK(outbox.messages() == 2);
    CHECK(outbox.drop_unbegun() == 1);
    CHECK(outbox.messages() == 1);
    CHECK(all_of(outbox) == "econd");
}

TEST_CASE("Outbox: an answer is no message, and stays whole once begun", "[proxy][outbox]") {
    Outbox outbox;
    outbox.append(Kind::control, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
    outbox.append(Kind::message, entry(10));
    outbox.written(4);
    CHECK(outbox.drop_unbegun() == 1);
    CHECK(outbox.messages() == 0);
    CHECK(all_of(outbox) == "/1.1 101 Switching Protocols\r\n\r\n");
}

namespace {

constexpr int kMany = 1'000'000;
// What an outbox may use where little waits: three queues of at most 1 KiB while they are taken from.
constexpr std::size_t kLittle = 4 << 10;

}  // namespace

TEST_CASE("Outbox: a million drops behind a begun entry leave no trace", "[proxy][outbox]") {
    const bool oldest = GENERATE(true, false);
    const bool begun_is_shared = GENERATE(true, false);
    CAPTURE(oldest, begun_is_shared);
    Outbox outbox;
    if (begun_is_shared) {
        outbox.append_shared(shared("begun"));
    } else {
        outbox.append(Kind::message, "begun");
    }
    outbox.written(1);
    const auto message = shared(entry(100));
    for (int i = 0; i < 10; ++i) outbox.append_shared(message);
    std::size_t most = 0;
    for (int i = 0; i < kMany; ++i) {
        outbox.append_shared(message);
        if (!(oldest ? outbox.drop_oldest() : outbox.drop_newest())) FAIL("nothing to drop");
        most = std::max(most, outbox.capacity());
    }
    CHECK(most <= kLittle);
    CHECK(outbox.messages() == 11);
    CHECK(message.use_count() == 11);
    CHECK(all_of(outbox).starts_with("egunxxx"));
}

TEST_CASE("Outbox: memory goes back as what waits becomes less", "[proxy][outbox]") {
    Outbox outbox;
    outbox.append(Kind::message, "begun");
    outbox.written(1);
    const auto message = shared(entry(100));
    for (int i = 0; i < 10'000; ++i) {
        outbox.append_shared(message);
        outbox.append(Kind::message, "x");
    }
    REQUIRE(outbox.capacity() > (100 << 10));
    SECTION("dropped") {
        while (outbox.drop_oldest()) continue;
        CHECK(outbox.capacity() <= 5 * 4 * 10'000);
        CHECK(outbox.drop_unbegun() == 10'000);
    }
    SECTION("written") { outbox.written(outbox.bytes() - 1); }
    CHECK(outbox.capacity() <= kLittle);
    CHECK(message.use_count() == 1);
}

TEST_CASE("Outbox: a client that never quite drains costs no more than what waits for it", "[proxy][outbox]") {
    const bool is_shared = GENERATE(false, true);
    const std::size_t size = GENERATE(7, 1000, 5000);
    CAPTURE(is_shared, size);
    Outbox outbox;
    const auto bytes = entry(size);
    const auto message = shared(bytes);
    std::size_t most = 0;
    for (int i = 0; i < kMany / 10; ++i) {
        if (is_shared) {
            outbox.append_shared(message);
        } else {
            outbox.append(Kind::message, bytes);
        }
        if (outbox.bytes() > 1) outbox.written(outbox.bytes() - 1);
        most = std::max(most, outbox.capacity());
    }
    CHECK(most <= kLittle + (is_shared ? 0 : 8 * size));
    CHECK(outbox.messages() == 1);
}

TEST_CASE("Outbox: drops in constant time, whatever stands before or behind", "[proxy][outbox]") {
    // A walk over the others at each drop would be 10^11 steps.
    const bool oldest = GENERATE(true, false);
    Outbox outbox;
    const auto message = shared("m");
    const auto others = [&] {
        for (int i = 0; i < kMany / 3; ++i) outbox.append(Kind::message, "o");
    };
    others();
    outbox.written(1);
    for (int i = 0; i < kMany / 3; ++i) outbox.append_shared(message);
    others();
    std::size_t dropped = 0;
    while (oldest ? outbox.drop_oldest() : outbox.drop_newest()) {
        ++dropped;
        outbox.append(Kind::control, "c");
    }
    CHECK(dropped == kMany / 3);
    CHECK(message.use_count() == 1);
}

TEST_CASE("OutboxPool: gives memory back and keeps a little", "[proxy][outbox]") {
    proxy::OutboxPool pool;
    std::vector<std::unique_ptr<Outbox>> taken;
    for (int i = 0; i < 1000; ++i) taken.push_back(pool.take());
    SECTION("of one that grew, whatever it holds") {
        auto& outbox = *taken.back();
        const bool is_shared = GENERATE(true, false);
        const auto message = shared("m");
        for (int i = 0; i < 10'000; ++i) {
            if (is_shared) {
                outbox.append_shared(message);
            } else {
                outbox.append(Kind::message, "m");
            }
        }
        pool.give_back(std::move(taken.back()));
        CHECK(pool.capacity() < 100);
        CHECK(message.use_count() == 1);
        const auto again = pool.take();
        CHECK(again->empty());
        CHECK(again->messages() == 0);
        CHECK(again->capacity() < 100);
    }
    SECTION("of all together") {
        for (auto& outbox : taken) outbox->append(Kind::message, entry(10'000));
        for (auto& outbox : taken) pool.give_back(std::move(outbox));
        CHECK(pool.capacity() > (900 << 10));
        CHECK(pool.capacity() <= (1 << 20));
        for (auto& outbox : taken) outbox = pool.take();
        CHECK(pool.capacity() == 0);
    }
}
