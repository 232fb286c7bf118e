#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "trunkline/protocol/bytes.hpp"

namespace trunkline::protocol {

/// What one side of a lane has encoded and the peer has not handled yet: whole sequenced frames, addressed by their
/// byte offset since the lane began (SPEC.md "Offsets"). It is the output buffer and the replay buffer in one.
///
/// Memory comes in blocks, taken when bytes arrive and given back when the peer has handled them; an empty ring holds
/// none. The bound on its size is the lane's business. Owned by one `Lane`, used on one thread.
class Ring {
  public:
    static constexpr std::size_t kBlockBytes = 64 << 10;

    /// Offset of the oldest byte kept; always the first byte of a frame.
    std::uint64_t begin() const noexcept { return begin_; }
    /// Offset one past the newest byte.
    std::uint64_t end() const noexcept { return end_; }
    std::uint64_t size() const noexcept { return end_ - begin_; }
    /// Memory in use, in bytes.
    std::size_t capacity() const noexcept { return blocks_.size() * kBlockBytes; }

    /// Appends one whole frame, given in two parts (the second may be empty). The bytes are copied.
    void append(Bytes head, Bytes payload = {});

    /// The first byte after the frame that begins at `frame`, which must be a frame boundary below `end()`.
    std::uint64_t next_frame(std::uint64_t frame) const noexcept;

    /// Drops all frames before `offset`. False, and nothing is dropped, if `offset` is no frame boundary of this ring.
    bool release(std::uint64_t offset) noexcept;

    /// Writes to `out` views of the bytes [from, to), as many as fit; returns how many entries it wrote. The views stay
    /// valid until those bytes are released.
    std::size_t gather(std::uint64_t from, std::uint64_t to, std::span<Bytes> out) const noexcept;

  private:
    std::uint64_t first_block() const noexcept { return begin_ / kBlockBytes; }
    char at(std::uint64_t offset) const noexcept {
        return blocks_[offset / kBlockBytes - first_block()][offset % kBlockBytes];
    }
    void copy_in(Bytes bytes);

    // Block i holds the offsets from (first_block() + i) * kBlockBytes on.
    std::vector<std::unique_ptr<char[]>> blocks_;
    std::uint64_t begin_ = 0;
    std::uint64_t end_ = 0;
};

}  // namespace trunkline::protocol
