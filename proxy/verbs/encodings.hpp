#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "net/shared_bytes.hpp"
#include "proxy/clients/client_encoding.hpp"
#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/service/views.hpp"

namespace trunkline::proxy {

/// One fan-out as the clients of one protocol and one framing get it.
struct Encoded {
    net::SharedBytes message;  ///< framed; empty if the fan-out has no payload for this protocol
    std::size_t payload_bytes = 0;
    protocol::PayloadKind kind = protocol::PayloadKind::text;
};

/// All encodings of one fan-out: a table of client protocol and framing. A cell is encoded when the first client asks
/// for it, and shared by all who ask later; what no client uses is never encoded.
///
/// Lives for one fan-out on one loop, no longer than the bytes of `payloads`. The messages may live on.
class Encodings {
  public:
    explicit Encodings(const protocol::PayloadMap& payloads) noexcept : payloads_(payloads) {}

    /// The reference is valid as long as the table.
    const Encoded& get(ClientProtocol protocol, Framing framing) {
        auto& cell = cells_[static_cast<std::size_t>(protocol)][static_cast<std::size_t>(framing)];
        if (!cell) cell = encode(protocol, framing);
        return *cell;
    }

  private:
    Encoded encode(ClientProtocol protocol, Framing framing) const;

    protocol::PayloadMap payloads_;
    std::array<std::array<std::optional<Encoded>, kFramings>, kClientProtocols> cells_;
};

}  // namespace trunkline::proxy
