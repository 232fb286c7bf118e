#pragma once

// Every message of the Azure SignalR service protocol, version 1 (SPEC.md "Messages"), one struct of views per type.
// What they show belongs to the caller (to encode) or to the frame's body (decoded). `std::optional<Bytes>` is a field
// that may be nil; nil and "" are different values. The extension map that ends most messages is folded into fields:
// `tracing_id` and what else that type may carry, and nothing else is ever written.

#include "trunkline/protocol/service/messages/acks.hpp"
#include "trunkline/protocol/service/messages/connections.hpp"
#include "trunkline/protocol/service/messages/groups.hpp"
#include "trunkline/protocol/service/messages/invocations.hpp"
#include "trunkline/protocol/service/messages/links.hpp"
#include "trunkline/protocol/service/messages/sends.hpp"

namespace trunkline::protocol {

/// A frame of a type that this version does not know: counted and skipped. Nothing behind the type was looked at.
struct UnknownMessage {
    std::uint32_t type = 0;
};

}  // namespace trunkline::protocol
