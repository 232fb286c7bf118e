#include "proxy/clients/outbox.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace trunkline::proxy {
namespace {

constexpr std::size_t kMaxEntry = (std::size_t{1} << 31) - 1;
constexpr std::size_t kMaxSpareCapacity = 16 << 10;  // of one outbox

}  // namespace

std::size_t Outbox::cost() const noexcept {
    return bytes_ + copied_.size() * sizeof(Copied) + shared_.size() * sizeof(Shared);
}

std::size_t Outbox::cost_if_dropped() const noexcept {
    std::size_t entries = shared_.size();
    std::size_t bytes = shared_bytes_;
    if (shared_is_begun()) {
        entries -= 1;
        bytes -= shared_[0].message.size();
    }
    return cost() - bytes - entries * sizeof(Shared);
}

std::size_t Outbox::capacity() const noexcept {
    return copied_bytes_.capacity_bytes() + copied_.capacity_bytes() + shared_.capacity_bytes();
}

void Outbox::append(Kind kind, std::string_view head, std::string_view payload) {
    const std::size_t size = head.size() + payload.size();
    assert(size != 0 && size <= kMaxEntry);
    copied_bytes_.append(head);
    copied_bytes_.append(payload);
    Copied record;
    record.size = size & kMaxEntry;
    record.kind = kind;
    copied_.push_back(record);
    bytes_ += size;
    if (kind == Kind::message) ++messages_;
}

void Outbox::append_shared(const net::SharedBytes& message) {
    assert(!message.empty());
    shared_.push_back({message, copied_out_ + copied_bytes_.size()});
    shared_bytes_ += message.size();
    bytes_ += message.size();
    ++messages_;
}

std::size_t Outbox::gather(std::span<std::string_view> out) const noexcept {
    std::size_t count = 0;
    const auto add = [&](std::string_view piece) {
        if (count == 0) piece.remove_prefix(begun_);
        out[count++] = piece;
    };
    const std::string_view copied(copied_bytes_.data(), copied_bytes_.size());
    std::size_t at = 0;  // in `copied`
    for (std::size_t i = 0; i < shared_.size() && count < out.size(); ++i) {
        const std::size_t before = shared_[i].position - copied_out_;
        if (before != at) add(copied.substr(at, before - at));
        at = before;
        if (count < out.size()) add(shared_[i].message.view());
    }
    if (at != copied.size() && count < out.size()) add(copied.substr(at));
    return count;
}

void Outbox::written(std::size_t bytes) {
    bytes_ -= bytes;
    if (bytes_ == 0) return clear();
    begun_ += bytes;
    for (std::size_t size = first_size(); begun_ >= size; size = first_size()) {
        begun_ -= size;
        remove_first();
    }
}

void Outbox::remove_first() {
    if (first_is_shared()) {
        shared_bytes_ -= shared_[0].message.size();
        shared_.pop_front();
        --messages_;
        return;
    }
    const Copied first = copied_[0];
    copied_out_ += first.size;
    copied_bytes_.pop_front(first.size);
    copied_.pop_front();
    if (first.kind == Kind::message) --messages_;
}

std::size_t Outbox::drop_unbegun() {
    const std::size_t before = messages_;
    if (begun_ == 0) {
        reset();
        return before;
    }
    const std::size_t size = first_size();
    if (first_is_shared()) {
        shared_.truncate(1);
        shared_bytes_ = size;
        copied_.truncate(0);
        copied_bytes_.truncate(0);
        messages_ = 1;
    } else {
        shared_.truncate(0);
        shared_bytes_ = 0;
        copied_.truncate(1);
        copied_bytes_.truncate(size);
        messages_ = copied_[0].kind == Kind::message ? 1 : 0;
    }
    bytes_ = size - begun_;
    return before - messages_;
}

bool Outbox::drop_oldest() {
    const std::size_t begun = shared_is_begun() ? 1 : 0;
    if (shared_.size() == begun) return false;
    // The begun one takes the place of the one behind it, which goes.
    if (begun != 0) std::swap(shared_[0], shared_[1]);
    const std::size_t size = shared_[0].message.size();
    shared_.pop_front();
    shared_bytes_ -= size;
    bytes_ -= size;
    --messages_;
    return true;
}

bool Outbox::drop_newest() {
    const std::size_t begun = shared_is_begun() ? 1 : 0;
    if (shared_.size() == begun) return false;
    const std::size_t last = shared_.size() - 1;
    const std::size_t size = shared_[last].message.size();
    shared_.truncate(last);
    shared_bytes_ -= size;
    bytes_ -= size;
    --messages_;
    return true;
}

void Outbox::clear() noexcept {
    copied_bytes_.clear();
    copied_.clear();
    shared_.clear();
    copied_out_ = 0;
    shared_bytes_ = begun_ = bytes_ = messages_ = 0;
}

void Outbox::reset() {
    const bool grew = capacity() > kMaxSpareCapacity;
    clear();
    if (!grew) return;
    copied_bytes_.release();
    copied_.release();
    shared_.release();
}

std::unique_ptr<Outbox> OutboxPool::take() {
    if (spare_.empty()) return std::make_unique<Outbox>();
    auto outbox = std::move(spare_.back());
    spare_.pop_back();
    capacity_ -= outbox->capacity();
    return outbox;
}

void OutboxPool::give_back(std::unique_ptr<Outbox> outbox) {
    outbox->reset();
    if (spare_.size() >= kMaxSpare || capacity_ + outbox->capacity() > kMaxCapacity) return;
    capacity_ += outbox->capacity();
    spare_.push_back(std::move(outbox));
}

}  // namespace trunkline::proxy
