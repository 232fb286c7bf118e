#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "trunkline/protocol/ids.hpp"

namespace trunkline::protocol {

/// What a pool keeps for each of its chans. Chans count up from 1 and are never used again, so a look-up is an index
/// into a page of 256, and a page is freed when all its chans have ended. A `T` is a handle: its default value is
/// false and stands for a chan that is not open.
template <class T>
class ChanPages {
  public:
    static constexpr std::uint64_t kPageChans = 256;

    /// Null for a chan that is not open.
    const T* find(Chan chan) const noexcept {
        const std::uint64_t index = index_of(chan);
        const Place* place = place_of(index);
        if (place == nullptr || !place->page) return nullptr;
        const T& found = place->page->values[index % kPageChans];
        return found ? &found : nullptr;
    }

    /// False if `chan` is 0, open, or of a page whose chans have all ended.
    bool insert(Chan chan, T value) {
        T* const vacant = vacant_place(chan);
        if (vacant == nullptr) return false;
        *vacant = std::move(value);
        ++size_;
        return true;
    }

    /// The same for a chan that has ended before it was open here.
    bool insert_ended(Chan chan) {
        if (vacant_place(chan) == nullptr) return false;
        count_ended(index_of(chan));
        return true;
    }

    /// Nothing happens if it is not open.
    void erase(Chan chan) noexcept {
        if (find(chan) == nullptr) return;
        const std::uint64_t index = index_of(chan);
        pages_[index / kPageChans - first_page_].page->values[index % kPageChans] = {};
        --size_;
        count_ended(index);
    }

    /// How many chans are open.
    std::size_t size() const noexcept { return size_; }

    /// Pages in memory.
    std::size_t pages() const noexcept {
        return static_cast<std::size_t>(
            std::count_if(pages_.begin(), pages_.end(), [](const Place& place) { return place.page != nullptr; }));
    }

    /// Calls `f(chan, const T&)` for each open chan, in their order. `f` may erase chans, and with them what it was
    /// given a reference to, and insert others.
    template <class F>
    void for_each(F&& f) const {
        for (std::uint64_t page = first_page_; page < first_page_ + pages_.size(); ++page) {
            for (std::uint64_t index = page * kPageChans; index < (page + 1) * kPageChans; ++index) {
                // Looked up each time: `f` may have freed this page and those before it.
                const Place* const place = place_of(index);
                if (place == nullptr || !place->page) break;
                const T& value = place->page->values[index % kPageChans];
                if (value) f(Chan{index + 1}, value);
            }
        }
    }

  private:
    struct Page {
        std::array<T, kPageChans> values{};
        std::size_t ended = 0;
    };
    struct Place {
        std::unique_ptr<Page> page;  // null: none of its chans was inserted yet, or
        bool has_ended = false;      // all of them have ended
    };

    static std::uint64_t index_of(Chan chan) noexcept { return static_cast<std::uint64_t>(chan) - 1; }

    const Place* place_of(std::uint64_t index) const noexcept {
        const std::uint64_t page = index / kPageChans;
        return page < first_page_ || page - first_page_ >= pages_.size() ? nullptr : &pages_[page - first_page_];
    }

    T* vacant_place(Chan chan) {
        const std::uint64_t index = index_of(chan);
        const std::uint64_t page = index / kPageChans;
        if (static_cast<std::uint64_t>(chan) == 0 || page < first_page_) return nullptr;
        while (page - first_page_ >= pages_.size()) pages_.emplace_back();
        Place& place = pages_[page - first_page_];
        if (place.has_ended) return nullptr;
        if (!place.page) place.page = std::make_unique<Page>();
        T& value = place.page->values[index % kPageChans];
        return value ? nullptr : &value;
    }

    void count_ended(std::uint64_t index) noexcept {
        Place& place = pages_[index / kPageChans - first_page_];
        if (++place.page->ended == kPageChans) {
            place.page.reset();
            place.has_ended = true;
        }
        while (!pages_.empty() && pages_.front().has_ended) {
            pages_.pop_front();
            ++first_page_;
        }
    }

    std::deque<Place> pages_;  // page first_page_ is the first
    std::uint64_t first_page_ = 0;
    std::size_t size_ = 0;
};

}  // namespace trunkline::protocol
