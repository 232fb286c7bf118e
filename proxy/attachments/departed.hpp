#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/attachments/open_record.hpp"
#include "trunkline/protocol/ids.hpp"
#include "trunkline/protocol/service/extension.hpp"

namespace trunkline::proxy {

/// What stays of a client that has left while an app server may not have handled all that it sent: enough to open its
/// connection elsewhere, feed the rest, and close it.
struct Departed {
    protocol::ConnectionId id;
    std::uint8_t key = 0;
    OpenRecord record;
    std::optional<std::string> user;
    std::vector<std::string> groups;
    std::uint16_t code = 0;  ///< as its app server is told
    protocol::CloseBy by = protocol::CloseBy::client;
    protocol::Chan chan{};     ///< in its pool
    std::uint64_t behind = 0;  ///< the offset of its lane behind its Close
};

}  // namespace trunkline::proxy
