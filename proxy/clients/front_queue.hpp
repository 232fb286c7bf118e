#pragma once

#include <cstddef>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>

namespace trunkline::proxy {

/// A vector or string that also gives up elements at its front. Elements are contiguous. Each operation takes constant
/// time per element, on average. While it is taken from, its memory stays within `kSpare` times what it holds, or
/// within `kSmallBytes`; only `clear` keeps all memory.
template <class Items>
class FrontQueue {
  public:
    using Item = typename Items::value_type;

    static constexpr std::size_t kSpare = 4;
    static constexpr std::size_t kSmallBytes = 1024;

    bool empty() const noexcept { return size() == 0; }
    std::size_t size() const noexcept { return items_.size() - first_; }
    std::size_t capacity_bytes() const noexcept { return items_.capacity() * sizeof(Item); }

    const Item* data() const noexcept { return items_.data() + first_; }
    Item& operator[](std::size_t i) noexcept { return items_[first_ + i]; }
    const Item& operator[](std::size_t i) const noexcept { return items_[first_ + i]; }

    void push_back(Item item) { items_.push_back(std::move(item)); }
    /// Of strings only.
    void append(std::basic_string_view<Item> more) { items_.append(more); }

    void pop_front(std::size_t count = 1) {
        if constexpr (!std::is_trivially_destructible_v<Item>) {
            for (std::size_t i = 0; i < count; ++i) items_[first_ + i] = Item{};
        }
        first_ += count;
        fit();
    }

    /// Keeps the first `count` elements.
    void truncate(std::size_t count) {
        items_.erase(begin() + static_cast<std::ptrdiff_t>(count), items_.end());
        fit();
    }

    void clear() noexcept {
        items_.clear();
        first_ = 0;
    }

    /// Clears it and gives all memory back.
    void release() noexcept {
        Items().swap(items_);  // an assignment may keep the memory
        first_ = 0;
    }

  private:
    auto begin() noexcept { return items_.begin() + static_cast<std::ptrdiff_t>(first_); }

    /// Gives memory back, or moves the elements to the front of it, once so many were taken that this pays.
    void fit() {
        if (capacity_bytes() > kSmallBytes && items_.capacity() > kSpare * size()) {
            Items fitting;
            fitting.reserve(2 * size());
            fitting.insert(fitting.end(), std::make_move_iterator(begin()), std::make_move_iterator(items_.end()));
            fitting.swap(items_);
        } else if (first_ > size()) {
            items_.erase(items_.begin(), begin());
        } else {
            return;
        }
        first_ = 0;
    }

    Items items_;
    std::size_t first_ = 0;  // elements before it were taken
};

}  // namespace trunkline::proxy
