#include "proxy/daemon/listen_sockets.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace trunkline::proxy {

namespace {

net::ListenSocket or_throw(protocol::Result<net::ListenSocket> socket, const net::Endpoint& address) {
    if (!socket) throw std::runtime_error("cannot listen on " + address.to_string() + ": " + socket.error().message());
    return std::move(socket).value();
}

protocol::Result<net::ListenSocket> open_shared(const net::Endpoint& address) {
    return net::ListenSocket::open(address, net::PortSharing::shared);
}

}  // namespace

net::ListenSocket open_or_throw(const net::Endpoint& address) {
    return or_throw(net::ListenSocket::open(address), address);
}

ListenSockets take_out(ListenSockets& sockets, const net::Endpoint& address) {
    ListenSockets taken;
    const auto numeric = net::SocketAddress::of(address);
    if (!numeric || (address.kind == net::Endpoint::Kind::tcp && address.port == 0)) return taken;
    const auto others = std::stable_partition(sockets.begin(), sockets.end(), [&](const net::ListenSocket& socket) {
        return socket.local() != numeric->to_endpoint();  // one spelling: ::1 may be written in many ways
    });
    std::move(others, sockets.end(), std::back_inserter(taken));
    sockets.erase(others, sockets.end());
    return taken;
}

SharedOut share_out(const std::vector<net::Endpoint>& addresses, ListenSockets& inherited, unsigned workers) {
    SharedOut out;
    out.workers.resize(workers);
    for (net::Endpoint address : addresses) {
        auto sockets = take_out(inherited, address);
        if (sockets.empty()) sockets.push_back(or_throw(open_shared(address), address));
        address = sockets.front().local();
        while (sockets.front().sharing() == net::PortSharing::shared && sockets.size() < workers) {
            sockets.push_back(or_throw(open_shared(address), address));
        }
        for (const auto& socket : sockets) out.descriptors.push_back(socket.fd());
        const std::size_t distinct = sockets.size();
        for (std::size_t i = distinct; i < workers; ++i) {
            sockets.push_back(or_throw(sockets[i % distinct].duplicate(), address));
        }
        for (std::size_t i = 0; i < sockets.size(); ++i) out.workers[i % workers].push_back(std::move(sockets[i]));
        out.addresses.push_back(std::move(address));
    }
    return out;
}

}  // namespace trunkline::proxy
