#include "proxy/daemon/listen_sockets.hpp"

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <set>

using namespace trunkline;
using net::Endpoint;
using net::ListenSocket;
using net::PortSharing;
using proxy::ListenSockets;

namespace {

/// Which socket of the kernel a descriptor stands for: the same for duplicates.
std::uint64_t cookie(int fd) {
    std::uint64_t value = 0;
    socklen_t size = sizeof value;
    REQUIRE(::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &value, &size) == 0);
    return value;
}

std::set<std::uint64_t> cookies(const ListenSockets& sockets) {
    std::set<std::uint64_t> found;
    for (const auto& socket : sockets) found.insert(cookie(socket.fd()));
    return found;
}

/// So many sockets on one port of 127.0.0.1.
ListenSockets on_one_port(unsigned count, PortSharing sharing) {
    ListenSockets sockets;
    sockets.push_back(ListenSocket::open(Endpoint::tcp("127.0.0.1", 0), sharing).value());
    const auto address = sockets.front().local();
    while (sockets.size() < count) sockets.push_back(ListenSocket::open(address, sharing).value());
    return sockets;
}

}  // namespace

TEST_CASE("share_out: every worker listens, and every inherited socket is served", "[proxy][listen]") {
    struct Row {
        unsigned inherited;
        PortSharing sharing;
        unsigned workers;
        std::size_t sockets;  // that there are then
    };
    const auto row = GENERATE(values<Row>({
        {1, PortSharing::shared, 1, 1},
        {1, PortSharing::shared, 3, 3},
        {3, PortSharing::shared, 1, 3},
        {3, PortSharing::shared, 2, 3},
        {2, PortSharing::shared, 2, 2},
        {1, PortSharing::exclusive, 1, 1},
        {1, PortSharing::exclusive, 3, 1},
    }));
    CAPTURE(row.inherited, row.sharing == PortSharing::shared, row.workers);
    auto inherited = on_one_port(row.inherited, row.sharing);
    const auto handed = cookies(inherited);
    const auto address = inherited.front().local();

    const auto out = proxy::share_out({address}, inherited, row.workers);
    CHECK(inherited.empty());
    CHECK(out.addresses == std::vector<Endpoint>{address});
    REQUIRE(out.workers.size() == row.workers);
    std::set<std::uint64_t> served;
    for (const auto& sockets : out.workers) {
        CHECK_FALSE(sockets.empty());
        served.merge(cookies(sockets));
    }
    CHECK(std::includes(served.begin(), served.end(), handed.begin(), handed.end()));
    CHECK(served.size() == row.sockets);
    std::set<std::uint64_t> described;
    for (const int fd : out.descriptors) described.insert(cookie(fd));
    CHECK(described == served);
    CHECK(out.descriptors.size() == row.sockets);
}

TEST_CASE("share_out: what was not inherited is opened", "[proxy][listen]") {
    ListenSockets inherited = on_one_port(1, PortSharing::shared);
    const auto other = inherited.front().local();
    const auto out = proxy::share_out({Endpoint::tcp("127.0.0.1", 0), Endpoint::tcp("::1", 0)}, inherited, 2);
    CHECK(inherited.size() == 1);  // port 0 is not any port that happens to be there
    REQUIRE(out.addresses.size() == 2);
    CHECK(out.addresses[0].port != 0);
    CHECK(out.addresses[0] != other);
    for (const auto& sockets : out.workers) {
        REQUIRE(sockets.size() == 2);
        CHECK(sockets[0].local() == out.addresses[0]);
        CHECK(sockets[1].local() == out.addresses[1]);
    }
    auto taken = on_one_port(1, PortSharing::exclusive);
    CHECK_THROWS_WITH(proxy::share_out({taken.front().local()}, inherited, 1),
                      Catch::Contains("cannot listen on " + taken.front().local().to_string()));
}

TEST_CASE("take_out: an address may be written in many ways", "[proxy][listen]") {
    ListenSockets sockets;
    sockets.push_back(ListenSocket::open(Endpoint::tcp("::1", 0)).value());
    const auto port = sockets.front().local().port;
    CHECK(proxy::take_out(sockets, Endpoint::tcp("127.0.0.1", port)).empty());
    CHECK(proxy::take_out(sockets, Endpoint::tcp("0:0:0:0:0:0:0:1", port)).size() == 1);
    CHECK(sockets.empty());
}
