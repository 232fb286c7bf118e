#pragma once

#include <cstddef>
#include <cstdint>

#include "trunkline/protocol/ids.hpp"
#include "trunkline/protocol/lane/chan_pages.hpp"

namespace trunkline::proxy {

/// Chan to session, for one pool. Gives out the chans, one after the other. Owns nothing of what it points to.
template <class T>
class ChanTable {
  public:
    /// Takes the next chan for `value`.
    protocol::Chan add(T& value) {
        const protocol::Chan chan{++highest_};
        pages_.insert(chan, &value);
        return chan;
    }

    /// Takes the next chan for a connection that has ended already.
    protocol::Chan add_ended() {
        const protocol::Chan chan{++highest_};
        pages_.insert_ended(chan);
        return chan;
    }

    /// Null for a chan that has ended or was never opened.
    T* find(protocol::Chan chan) const noexcept {
        T* const* const found = pages_.find(chan);
        return found == nullptr ? nullptr : *found;
    }

    void remove(protocol::Chan chan) noexcept { pages_.erase(chan); }

    /// The chan that was taken last; 0 before the first.
    std::uint64_t highest() const noexcept { return highest_; }

    /// How many chans are open.
    std::size_t size() const noexcept { return pages_.size(); }

    /// Pages in memory.
    std::size_t pages() const noexcept { return pages_.pages(); }

    /// Calls `f(T&)` for every chan that is open now; `f` may remove the one it is given.
    template <class F>
    void for_each(F&& f) {
        const protocol::Chan last{highest_};
        pages_.for_each([&](protocol::Chan chan, T* value) {
            if (chan <= last) f(*value);
        });
    }

  private:
    protocol::ChanPages<T*> pages_;
    std::uint64_t highest_ = 0;
};

}  // namespace trunkline::proxy
