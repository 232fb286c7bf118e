#pragma once

#include <cassert>
#include <cstdint>

#include "trunkline/protocol/ids.hpp"

namespace trunkline::proxy {

class Directory;

/// What a Directory keeps inside a connection: the intrusive base of an attachment, 24 bytes. Groups and user stand in
/// the directory, and cost nothing where there are none.
class Member {
  public:
    const protocol::ConnectionId& connection_id() const noexcept { return id_; }
    /// Decides, modulo the lanes of a pool, which of that pool's lanes is this connection's home.
    std::uint8_t key() const noexcept { return key_; }
    bool is_in_directory() const noexcept { return index_ != kNowhere; }

  protected:
    Member() = default;
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    ~Member() { assert(!is_in_directory()); }

    /// For one that is known by them before it enters the directory.
    void set_identity(const protocol::ConnectionId& id, std::uint8_t key) noexcept {
        id_ = id;
        key_ = key;
    }

  private:
    friend class Directory;

    static constexpr std::uint32_t kNowhere = 0xffffffff;

    protocol::ConnectionId id_;
    std::uint32_t index_ = kNowhere;  ///< of its entry among all
    std::uint8_t key_ = 0;
};

/// The lane on which a frame for a set of connections came: its copy there concerns only the connections whose home is
/// that lane (SPEC.md "Order"). The default concerns everybody.
struct HomeLane {
    std::uint32_t lane = 0;
    std::uint32_t lanes = 1;

    bool is_home_of(std::uint8_t key) const noexcept { return key % lanes == lane; }
};

}  // namespace trunkline::proxy
