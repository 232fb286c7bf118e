#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>

#include "trunkline/protocol/ids.hpp"

namespace trunkline::proxy {

/// Chan to session, for one pool: chans count up from 1 and are never reused, so a page of 256 of them is freed when
/// all have ended, and a look-up is an index. Owns nothing of what it points to.
template <class T>
class ChanTable {
  public:
    /// Takes the next chan for `value`.
    protocol::Chan add(T& value) {
        const std::uint64_t index = take_next();
        Page& page = *pages_[index / kPage - first_page_];
        page.values[index % kPage] = &value;
        ++page.live;
        ++size_;
        return protocol::Chan{index + 1};
    }

    /// Takes the next chan for a connection that has ended already.
    protocol::Chan add_ended() {
        const std::uint64_t index = take_next();
        drop_page(index / kPage);
        return protocol::Chan{index + 1};
    }

    /// Null for a chan that has ended or was never opened.
    T* find(protocol::Chan chan) const noexcept {
        T* const* place = at(chan);
        return place == nullptr ? nullptr : *place;
    }

    void remove(protocol::Chan chan) noexcept {
        T** place = const_cast<T**>(at(chan));
        if (place == nullptr || *place == nullptr) return;
        *place = nullptr;
        --live_of(chan);
        --size_;
        drop_page((static_cast<std::uint64_t>(chan) - 1) / kPage);
    }

    /// The chan that was taken last; 0 before the first.
    std::uint64_t highest() const noexcept { return next_ - 1; }

    /// How many chans are open.
    std::size_t size() const noexcept { return size_; }

    /// Pages in memory.
    std::size_t pages() const noexcept {
        return static_cast<std::size_t>(
            std::count_if(pages_.begin(), pages_.end(), [](const auto& p) { return p != nullptr; }));
    }

    /// Calls `f(T&)` for every open chan; `f` may remove the one it is given.
    template <class F>
    void for_each(F&& f) {
        const std::uint64_t end = next_ - 1;
        for (std::uint64_t index = first_page_ * kPage; index < end; ++index) {
            if (index % kPage == 0 && !has_page(index / kPage)) {
                index += kPage - 1;
            } else if (T* value = find(protocol::Chan{index + 1})) {
                f(*value);
            }
        }
    }

  private:
    static constexpr std::uint64_t kPage = 256;
    struct Page {
        std::array<T*, kPage> values{};
        unsigned live = 0;
    };

    std::uint64_t take_next() {
        const std::uint64_t index = next_++ - 1;
        if (index / kPage == first_page_ + pages_.size()) pages_.push_back(std::make_unique<Page>());
        return index;
    }
    /// Frees a page if all chans that will ever come to it have ended.
    void drop_page(std::uint64_t page) noexcept {
        const bool is_full = (page + 1) * kPage < next_;
        if (is_full && pages_[page - first_page_]->live == 0) pages_[page - first_page_].reset();
        while (!pages_.empty() && pages_.front() == nullptr) {
            pages_.pop_front();
            ++first_page_;
        }
    }
    bool has_page(std::uint64_t page) const noexcept {
        return page >= first_page_ && pages_[page - first_page_] != nullptr;
    }
    T* const* at(protocol::Chan chan) const noexcept {
        const std::uint64_t index = static_cast<std::uint64_t>(chan) - 1;  // chan 0 becomes huge
        if (index >= next_ - 1 || index / kPage < first_page_) return nullptr;
        const Page* page = pages_[index / kPage - first_page_].get();
        return page == nullptr ? nullptr : &page->values[index % kPage];
    }
    unsigned& live_of(protocol::Chan chan) noexcept {
        return pages_[(static_cast<std::uint64_t>(chan) - 1) / kPage - first_page_]->live;
    }

    std::deque<std::unique_ptr<Page>> pages_;
    std::uint64_t first_page_ = 0;
    std::uint64_t next_ = 1;
    std::size_t size_ = 0;
};

}  // namespace trunkline::proxy
