#include "trunkline/protocol/service/handshake.hpp"

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace trunkline::protocol;

namespace {

Hello full_hello() {
    Hello hello;
    hello.name = "proxy-1:8080";
    hello.epoch = Epoch{0xfedcba9876543210};
    hello.features = {"resume", "migrate"};
    hello.nonce = std::string(16, '\x07');
    hello.software = "trunkline/0.1.0";
    hello.mac = std::string(32, '\x09');
    hello.app_window = std::chrono::milliseconds(25'000);
    hello.pool_size = 3;
    hello.upstream = "chat";
    hello.worker = 0;
    hello.workers = 2;
    hello.max_frame = kDefaultMaxFrame;
    hello.replaces = Hello::Replaced{PoolId{{1, 2, 3}}, 4};
    return hello;
}

std::string encoded(const Hello& hello) {
    Buffer out;
    encode_hello(out, hello);
    return out;
}

}  // namespace

TEST_CASE("Hello: round-trips, full and empty", "[protocol][handshake]") {
    for (const auto& hello : {full_hello(), Hello{}}) {
        const auto bytes = encoded(hello);
        const auto decoded = decode_hello(bytes);
        REQUIRE(decoded);
        CHECK((decoded.value() == hello));
        for (std::size_t cut = 0; cut < bytes.size(); ++cut)
            CHECK(decode_hello(Bytes(bytes).substr(0, cut)).error() == errc::truncated);
    }
}

TEST_CASE("Hello: without its mac it is the same from the sender and from what was received", "[protocol][handshake]") {
    const auto hello = full_hello();
    Buffer sent, received;
    encode_hello_without_mac(sent, hello);
    REQUIRE(encode_hello_without_mac(received, Bytes(encoded(hello))));
    CHECK(hex(sent) == hex(received));
    auto unsigned_hello = hello;
    unsigned_hello.mac.clear();
    CHECK(hex(sent) == hex(encoded(unsigned_hello)));
}

TEST_CASE("Hello: keys of a newer peer are skipped, and stay covered by the mac", "[protocol][handshake]") {
    const auto bytes = unhex("83 02 05 06 C4 01 FF 0E 92 A1 61 C0");
    const auto hello = decode_hello(bytes);
    REQUIRE(hello);
    CHECK(hello.value().epoch == Epoch{5});
    CHECK(hello.value().mac == "\xff");
    Buffer out;
    REQUIRE(encode_hello_without_mac(out, Bytes(bytes)));
    CHECK(hex(out) == "82 02 05 0E 92 A1 61 C0");
}

TEST_CASE("Hello: malformed ones are refused", "[protocol][handshake]") {
    CHECK(decode_hello(unhex("80")).error() == errc::missing_field);
    CHECK(decode_hello(unhex("90")).error() == errc::bad_type);
    CHECK(decode_hello(unhex("81 02 A1 31")).error() == errc::bad_type);
    CHECK(decode_hello(unhex("82 02 01 03 A1 78")).error() == errc::bad_type);
    CHECK(decode_hello(unhex("82 02 01 0D 91 C4 00")).error() == errc::missing_field);
    CHECK(decode_hello(unhex("82 02 01 0D 92 C4 01 00 00")).error() == errc::out_of_range);
    CHECK(decode_hello(unhex("DF FF FF FF FF")).error() == errc::truncated);
    Buffer out;
    CHECK(encode_hello_without_mac(out, Bytes(unhex("82 02 01"))).error() == errc::truncated);
    CHECK(out.empty());
}

TEST_CASE("handshake: the hello travels under key 100 and is seen as it came", "[protocol][handshake]") {
    const auto hello = full_hello();
    Buffer request, response;
    append_handshake_request(request, hello);
    append_handshake_response(response, hello);
    const auto asked = decode_one<HandshakeRequest>(request);
    CHECK(asked.version == 1);
    REQUIRE(asked.hello.has_value());
    CHECK(hex(*asked.hello) == hex(encoded(hello)));
    const auto answered = decode_one<HandshakeResponse>(response);
    CHECK(answered.error == Bytes(""));
    REQUIRE(answered.hello.has_value());
    CHECK((decode_hello(*answered.hello).value() == hello));
}

TEST_CASE("handshake: a refusal says why", "[protocol][handshake]") {
    Buffer out;
    append_handshake_refusal(out, "version 1 only");
    const auto refusal = decode_one<HandshakeResponse>(out);
    CHECK(refusal.error == Bytes("version 1 only"));
    CHECK_FALSE(refusal.hello.has_value());
    CHECK_FALSE(refusal.connection_id.has_value());
}

TEST_CASE("handshake: spoken features are those in both lists", "[protocol][handshake]") {
    CHECK(spoken_features({"resume", "migrate", "resize"}, {"resize", "x", "resume"}) ==
          std::vector<std::string>{"resume", "resize"});
    CHECK(spoken_features({}, {"resume"}).empty());
    CHECK(spoken_features({"resume"}, {}).empty());
}
