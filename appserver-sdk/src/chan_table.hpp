#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "trunkline/protocol/ids.hpp"
#include "trunkline/protocol/lane/chan_pages.hpp"

namespace trunkline {

struct ConnectionState;

/// Chan to connection, for one pool: takes the chans that a proxy gives out. Owned by a Pool, used on the loop.
class ChanTable {
  public:
    /// How far an Open may be ahead of all before it: lanes are read at different times, but none is so far behind.
    static constexpr std::uint64_t kMaxAhead = std::uint64_t{1} << 20;

    /// The connection of that chan, or null if there is none (any more).
    const std::shared_ptr<ConnectionState>* find(protocol::Chan chan) const noexcept { return pages_.find(chan); }

    /// False if `chan` cannot be new here: 0, in use, of a page that has ended, or too far ahead.
    bool insert(protocol::Chan chan, std::shared_ptr<ConnectionState> connection);
    void erase(protocol::Chan chan) noexcept { pages_.erase(chan); }

    std::size_t size() const noexcept { return pages_.size(); }
    bool empty() const noexcept { return pages_.size() == 0; }

    /// All connections, in the order of their chans.
    std::vector<std::shared_ptr<ConnectionState>> all() const;

  private:
    protocol::ChanPages<std::shared_ptr<ConnectionState>> pages_;
    std::uint64_t highest_ = 0;
};

}  // namespace trunkline
