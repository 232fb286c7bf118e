#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "trunkline/protocol/bytes.hpp"

namespace trunkline::net {

/// Immutable bytes with several owners, 8 bytes per reference: a fan-out frame that sits in many outboxes is one of
/// these. The count is not atomic, so all references to one value live on one loop; what must cross loops is copied.
/// One allocation holds the count, the length and the bytes; the empty value holds none.
class SharedBytes {
  public:
    SharedBytes() noexcept = default;

    static SharedBytes copy_of(protocol::Bytes bytes) {
        return build(bytes.size(), [&](char* out) { std::memcpy(out, bytes.data(), bytes.size()); });
    }

    /// `fill(char*)` writes all `size` bytes in place, before anybody can see them.
    template <class Fill>
    static SharedBytes build(std::size_t size, Fill&& fill) {
        if (size == 0) return {};
        SharedBytes built;
        built.block_ = new (::operator new(sizeof(Block) + size)) Block{size, 1};
        std::forward<Fill>(fill)(built.block_->bytes());
        return built;
    }

    SharedBytes(const SharedBytes& other) noexcept : block_(other.block_) {
        if (block_ != nullptr) ++block_->references;
    }
    SharedBytes(SharedBytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    SharedBytes& operator=(SharedBytes other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    ~SharedBytes() {
        if (block_ != nullptr && --block_->references == 0) ::operator delete(block_);
    }

    protocol::Bytes view() const noexcept {
        return block_ == nullptr ? protocol::Bytes{} : protocol::Bytes(block_->bytes(), block_->size);
    }
    std::size_t size() const noexcept { return block_ == nullptr ? 0 : block_->size; }
    bool empty() const noexcept { return block_ == nullptr; }
    /// How many references there are to these bytes; 0 for the empty value (for tests).
    std::size_t use_count() const noexcept { return block_ == nullptr ? 0 : block_->references; }

  private:
    struct Block {
        std::size_t size;
        std::size_t references;

        char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
    };
    static_assert(std::is_trivially_destructible_v<Block>);

    Block* block_ = nullptr;
};

}  // namespace trunkline::net
