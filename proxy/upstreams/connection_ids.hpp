#pragma once

#include <array>
#include <cstring>
#include <string>

#include "net/link/link_handshake.hpp"
#include "trunkline/protocol/ids.hpp"

namespace trunkline::proxy {

/// Mints located connection ids of this proxy (SPEC.md "Connection ids"). Randomness comes from the system in batches.
class ConnectionIds {
  public:
    explicit ConnectionIds(protocol::Epoch proxy) : proxy_(proxy) {}

    protocol::ConnectionId next() {
        std::array<unsigned char, 16> random;
        if (used_ == random_.size()) {
            random_ = net::random_bytes(64 * random.size());
            used_ = 0;
        }
        std::memcpy(random.data(), random_.data() + used_, random.size());
        used_ += random.size();
        return protocol::ConnectionId::located(proxy_, random);
    }

  private:
    const protocol::Epoch proxy_;
    std::string random_;
    std::size_t used_ = 0;
};

}  // namespace trunkline::proxy
