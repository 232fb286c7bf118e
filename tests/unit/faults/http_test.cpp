// Fails the N-th read or write of an HTTP session, for every N until the scenario passes without having met the fault.
#include <sys/socket.h>

#include "tests/unit/faults/faulty_io.hpp"
#include "tests/unit/proxy/http/http_fixture.hpp"

using namespace trunkline;
using tests::FaultyIo;

namespace {

/// Reads a file and upgrades. Whether it was handed over, and not cut off.
bool read_and_upgrade(proxy::HttpFixture& http) {
    auto client = http.connect();
    std::string received;
    bool ended = false;
    const auto take = [&] {
        char block[4096];
        ssize_t n = 0;
        while ((n = ::recv(client.fd(), block, sizeof block, MSG_DONTWAIT)) > 0)
            received.append(block, static_cast<std::size_t>(n));
        ended = ended || n == 0 || (errno != EAGAIN && errno != EINTR);
    };
    const auto say = [&](std::string_view text) {
        static_cast<void>(::send(client.fd(), text.data(), text.size(), MSG_NOSIGNAL));
    };
    say(proxy::kGet);
    REQUIRE(proxy::run_until(http.loop, [&] {
        take();
        return ended || received.ends_with("\r\n\r\n<p>index");
    }));
    say(proxy::kUpgrade);
    REQUIRE(proxy::run_until(http.loop, [&] {
        take();
        return ended || http.upgraded.size() == 1;
    }));
    return http.upgraded.size() == 1;
}

}  // namespace

TEST_CASE("HTTP: survives the failure of any one read or write", "[proxy][http][faults]") {
    const auto fault =
        GENERATE(FaultyIo::Fault::reset, FaultyIo::Fault::end, FaultyIo::Fault::interrupted, FaultyIo::Fault::one_byte);
    constexpr std::size_t kMost = 50;
    std::size_t at = 0;
    for (; at < kMost; ++at) {
        CAPTURE(static_cast<int>(fault), at);
        proxy::HttpFixture http;
        http.start();
        FaultyIo::arm(fault, at);
        const bool upgraded = read_and_upgrade(http);
        const bool has_struck = FaultyIo::has_struck();
        FaultyIo::disarm();
        const bool is_harmless = fault == FaultyIo::Fault::interrupted || fault == FaultyIo::Fault::one_byte;
        CHECK(upgraded == (is_harmless || !has_struck));
        http.upgraded.clear();
        CHECK(proxy::run_until(http.loop, [&] { return http.sessions().size() == 0 && http.admission().open() == 0; }));
        if (!has_struck) break;
    }
    CHECK(at < kMost);
    CHECK(at > 2);  // it did reach what it is about
}
