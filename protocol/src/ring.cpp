#include "trunkline/protocol/lane/ring.hpp"

#include <algorithm>
#include <cstring>

namespace trunkline::protocol {

void Ring::append(Bytes head, Bytes payload) {
    copy_in(head);
    copy_in(payload);
}

void Ring::copy_in(Bytes bytes) {
    while (!bytes.empty()) {
        const auto block = static_cast<std::size_t>(end_ / kBlockBytes - first_block());
        const auto place = static_cast<std::size_t>(end_ % kBlockBytes);
        if (block == blocks_.size()) blocks_.push_back(std::make_unique_for_overwrite<char[]>(kBlockBytes));
        const auto n = std::min(bytes.size(), kBlockBytes - place);
        std::memcpy(blocks_[block].get() + place, bytes.data(), n);
        bytes.remove_prefix(n);
        end_ += n;
    }
}

std::uint64_t Ring::next_frame(std::uint64_t frame) const noexcept {
    // Only whole frames of our own encoders are appended, so the length prefix is sound.
    std::uint64_t body = 0;
    for (int shift = 0;; shift += 7) {
        const auto byte = static_cast<unsigned char>(at(frame++));
        body |= std::uint64_t{byte & 0x7fu} << shift;
        if (byte < 0x80) return frame + body;
    }
}

bool Ring::release(std::uint64_t offset) noexcept {
    if (offset < begin_ || offset > end_) return false;
    auto boundary = begin_;
    while (boundary < offset) boundary = next_frame(boundary);
    if (boundary != offset) return false;

    const auto old_first = first_block();
    begin_ = offset;
    if (begin_ == end_) {
        blocks_.clear();
    } else {
        blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(first_block() - old_first));
    }
    return true;
}

std::size_t Ring::gather(std::uint64_t from, std::uint64_t to, std::span<Bytes> out) const noexcept {
    std::size_t n = 0;
    while (from < to && n < out.size()) {
        const auto place = static_cast<std::size_t>(from % kBlockBytes);
        const auto length = std::min<std::uint64_t>(to - from, kBlockBytes - place);
        out[n++] = {blocks_[from / kBlockBytes - first_block()].get() + place, static_cast<std::size_t>(length)};
        from += length;
    }
    return n;
}

}  // namespace trunkline::protocol
