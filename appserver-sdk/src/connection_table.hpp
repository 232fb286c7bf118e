#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "trunkline/protocol/ids.hpp"

#include <trunkline/connection.hpp>

namespace trunkline {

/// The connections of one pool by their chan: an index into pages of 256, because chans are given out one after the
/// other and never again. A page is freed when all its chans have ended. Owned by a Pool, used on the loop.
class ConnectionTable {
  public:
    static constexpr std::size_t kPageChans = 256;
    /// How far an Open may be ahead of all before it: lanes are read at different times, but none is so far behind.
    static constexpr std::uint64_t kMaxAhead = std::uint64_t{1} << 20;

    /// The connection of that chan, or null if there is none (any more).
    const Connection* find(protocol::Chan chan) const noexcept {
        const auto page = page_of(chan);
        if (page < first_page_ || page - first_page_ >= pages_.size() || !pages_[page - first_page_].page)
            return nullptr;
        const Connection& found = pages_[page - first_page_].page->slots[number(chan) % kPageChans];
        return found ? &found : nullptr;
    }

    /// False if `chan` cannot be new here: 0, in use, of a page that has ended, or too far ahead.
    bool insert(protocol::Chan chan, Connection connection);
    void erase(protocol::Chan chan) noexcept;

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }

    /// Empties the table.
    std::vector<Connection> take_all();

  private:
    struct Page {
        std::array<Connection, kPageChans> slots;
        std::size_t ended = 0;
    };

    struct Place {
        std::unique_ptr<Page> page;  // null: none of its chans was opened yet, or
        bool has_ended = false;      // all of them have ended
    };

    static std::uint64_t number(protocol::Chan chan) noexcept { return static_cast<std::uint64_t>(chan); }
    static std::uint64_t page_of(protocol::Chan chan) noexcept { return number(chan) / kPageChans; }

    std::deque<Place> pages_;  // page first_page_ is the first
    std::uint64_t first_page_ = 0;
    std::uint64_t highest_ = 0;
    std::size_t size_ = 0;
};

}  // namespace trunkline
