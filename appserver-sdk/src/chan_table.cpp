#include "appserver-sdk/src/chan_table.hpp"

#include <algorithm>
#include <utility>

namespace trunkline {

bool ChanTable::insert(protocol::Chan chan, std::shared_ptr<ConnectionState> connection) {
    const auto number = static_cast<std::uint64_t>(chan);
    if (number > highest_ + kMaxAhead || !pages_.insert(chan, std::move(connection))) return false;
    highest_ = std::max(highest_, number);
    return true;
}

std::vector<std::shared_ptr<ConnectionState>> ChanTable::all() const {
    std::vector<std::shared_ptr<ConnectionState>> connections;
    connections.reserve(size());
    pages_.for_each([&](protocol::Chan, const auto& connection) { connections.push_back(connection); });
    return connections;
}

}  // namespace trunkline
