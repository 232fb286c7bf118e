#include "proxy/clients/outbox.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "trunkline/protocol/websocket/frame_writer.hpp"

using namespace trunkline;
using proxy::Outbox;

namespace {

std::string frame(std::size_t payload) {
    using namespace protocol::websocket;
    char header[kMaxServerHeader];
    return std::string(header, write_header(header, Opcode::binary, payload)).append(payload, 'x');
}

std::string all_of(const Outbox& outbox) {
    std::vector<std::string_view> pieces(1000);
    std::string bytes;
    const std::size_t n = outbox.gather(pieces);
    for (std::size_t i = 0; i < n; ++i) bytes.append(pieces[i]);
    return bytes;
}

}  // namespace

TEST_CASE("Outbox: gives back what it was given, however it is written", "[proxy][outbox]") {
    std::mt19937 random(GENERATE(range(1u, 40u)));
    Outbox outbox;
    std::string expected;
    std::string got;
    for (int step = 0; step < 400; ++step) {
        const auto payload = std::uniform_int_distribution<std::size_t>(0, 5000)(random);
        if (random() % 3 != 0) {
            const auto f = frame(payload);
            if (random() % 2 == 0) {
                outbox.append(f.substr(0, 2), f.substr(2));
            } else {
                outbox.append(net::SharedBytes::copy_of(f));
            }
            expected += f;
        } else {
            std::array<std::string_view, 4> pieces;
            const std::size_t n = outbox.gather(pieces);
            std::string bytes;
            for (std::size_t i = 0; i < n; ++i) bytes.append(pieces[i]);
            bytes.resize(std::min<std::size_t>(bytes.size(), random() % 9000));
            got += bytes;
            outbox.written(bytes.size());
        }
        REQUIRE(outbox.bytes() == expected.size() - got.size());
    }
    while (!outbox.empty()) {
        const auto rest = all_of(outbox);
        got += rest;
        outbox.written(rest.size());
    }
    CHECK(got == expected);
}

TEST_CASE("Outbox: of what may be dropped the first or the last goes, the rest keeps its order", "[proxy][outbox]") {
    struct Piece {
        std::string bytes;
        bool may_drop;
    };
    std::mt19937 random(GENERATE(range(1u, 60u)));
    Outbox outbox;
    std::vector<Piece> expected;
    std::size_t begun = 0;  // bytes of the first piece
    for (int step = 0; step < 400; ++step) {
        switch (random() % 6) {
            case 0:
            case 1: {
                expected.push_back({frame(random() % 3000), true});
                outbox.append_droppable(net::SharedBytes::copy_of(expected.back().bytes));
                break;
            }
            case 2: {
                expected.push_back({frame(random() % 3000), false});
                if (random() % 2 == 0) {
                    outbox.append(expected.back().bytes, {});
                } else {
                    outbox.append(net::SharedBytes::copy_of(expected.back().bytes));
                }
                break;
            }
            case 3: {
                const bool newest = random() % 2 == 0;
                const auto may_drop = [&](const Piece& piece) { return piece.may_drop; };
                const auto from = expected.begin() + (begun != 0 ? 1 : 0);
                auto found = std::find_if(from, expected.end(), may_drop);
                if (newest) {
                    const auto last = std::find_if(expected.rbegin(), std::make_reverse_iterator(from), may_drop);
                    found = last.base() == from ? expected.end() : std::prev(last.base());
                }
                REQUIRE((newest ? outbox.drop_newest() : outbox.drop_oldest()) == (found != expected.end()));
                if (found != expected.end()) expected.erase(found);
                break;
            }
            default: {
                std::size_t n = std::min<std::size_t>(outbox.bytes(), random() % 4000);
                outbox.written(n);
                for (n += begun; !expected.empty() && n >= expected.front().bytes.size();) {
                    n -= expected.front().bytes.size();
                    expected.erase(expected.begin());
                }
                begun = n;
            }
        }
        std::string rest;
        for (const auto& piece : expected) rest += piece.bytes;
        rest.erase(0, begun);
        REQUIRE(outbox.bytes() == rest.size());
        REQUIRE(outbox.messages() == expected.size());
        if (step % 16 == 0) REQUIRE(all_of(outbox) == rest);
    }
}

TEST_CASE("Outbox: its cost counts the record of many small pieces", "[proxy][outbox]") {
    Outbox outbox;
    for (int i = 0; i < 1000; ++i) outbox.append_droppable(net::SharedBytes::copy_of(frame(1)));
    CHECK(outbox.cost() >= outbox.capacity() / 2 + outbox.bytes());
    while (outbox.drop_oldest()) continue;
    CHECK(outbox.cost() == 0);
    CHECK(outbox.empty());
}

TEST_CASE("Outbox: what was not begun can be dropped, a begun frame stays whole", "[proxy][outbox]") {
    const bool shared = GENERATE(false, true);
    const std::size_t payload = GENERATE(0, 1, 125, 126, 65535, 65536);
    const auto first = frame(payload);
    const std::size_t written = GENERATE_COPY(std::size_t{0}, std::size_t{1}, first.size() - 1);
    CAPTURE(shared, payload, written);

    Outbox outbox;
    if (shared) {
        outbox.append(net::SharedBytes::copy_of(first));
    } else {
        outbox.append(first, {});
    }
    outbox.append(frame(10), {});
    outbox.append(net::SharedBytes::copy_of(frame(5000)));
    outbox.written(written);
    outbox.drop_unbegun();

    const auto rest = written == 0 ? std::string() : first.substr(written);
    CHECK(outbox.bytes() == rest.size());
    CHECK(all_of(outbox) == rest);
    outbox.append(frame(3), {});
    CHECK(all_of(outbox) == rest + frame(3));
}

TEST_CASE("Outbox: counts messages, not what goes along with them", "[proxy][outbox]") {
    Outbox outbox;
    outbox.append_answer("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    outbox.append(std::string("\x89\0", 2), {});  // a ping
    outbox.append(frame(10), {});
    outbox.append(frame(300), {});
    outbox.append(net::SharedBytes::copy_of(frame(5000)));
    outbox.append(std::string("\x88\0", 2), {});  // a close
    CHECK(outbox.messages() == 3);
    outbox.written(36 + 2 + 12 + 1);  // one is out, one has begun
    CHECK(outbox.messages() == 2);
    CHECK(outbox.drop_unbegun() == 1);
    CHECK(outbox.messages() == 1);
}

TEST_CASE("Outbox: an answer that is not a frame survives dropping once begun", "[proxy][outbox]") {
    Outbox outbox;
    outbox.append_answer("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    outbox.append(frame(10), {});
    outbox.written(4);
    outbox.drop_unbegun();
    CHECK(all_of(outbox) == "/1.1 101 Switching Protocols\r\n\r\n");
}

TEST_CASE("Outbox: a client that never quite drains costs no more than what waits for it", "[proxy][outbox]") {
    const bool shared = GENERATE(false, true);
    Outbox outbox;
    const auto copied = frame(1000);
    const auto large = net::SharedBytes::copy_of(frame(5000));
    std::size_t most = 0;
    for (int i = 0; i < 20'000; ++i) {
        if (shared) {
            outbox.append(large);
        } else {
            outbox.append(copied, {});
        }
        if (outbox.bytes() > 1) outbox.written(outbox.bytes() - 1);
        most = std::max(most, outbox.capacity());
    }
    CHECK(most < (1 << 20));
}
