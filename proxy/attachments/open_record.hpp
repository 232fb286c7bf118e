#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "proxy/metrics/counters.hpp"
#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/service/extension.hpp"

namespace trunkline::proxy {

/// What it takes to open a connection once more: the body of its first Open, in one block of just that size, and how
/// often it was opened. An empty record costs one pointer. Counted in a gauge as long as it lives.
class OpenRecord {
  public:
    OpenRecord() = default;
    /// Of a whole frame, as it was sent.
    static OpenRecord of(protocol::Bytes frame, Gauge& bytes);
    OpenRecord(OpenRecord&&) noexcept = default;
    OpenRecord& operator=(OpenRecord&& other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    ~OpenRecord() {
        if (block_) head().gauge->add(-static_cast<std::int64_t>(bytes()));
    }

    explicit operator bool() const noexcept { return block_ != nullptr; }
    /// The decoded Open; its views point into this record.
    protocol::Open open() const;
    /// The app has chosen a sub-protocol: later Opens name it.
    void set_subprotocol(protocol::Bytes subprotocol);
    /// The number of the next attachment.
    std::uint32_t next_attachment() noexcept {
        Head next = head();
        ++next.attachments;
        set(next);
        return next.attachments;
    }
    /// What it keeps in memory.
    std::size_t bytes() const noexcept { return block_ ? sizeof(Head) + head().size : 0; }

  private:
    OpenRecord(protocol::Bytes body, Gauge& bytes) : block_(std::make_unique<char[]>(sizeof(Head) + body.size())) {
        set({&bytes, static_cast<std::uint32_t>(body.size()), 1});
        std::memcpy(block_.get() + sizeof(Head), body.data(), body.size());
        bytes.add(static_cast<std::int64_t>(this->bytes()));
    }
    protocol::Bytes body() const noexcept { return {block_.get() + sizeof(Head), head().size}; }

    struct Head {
        Gauge* gauge;
        std::uint32_t size;
        std::uint32_t attachments;
    };
    Head head() const noexcept {
        Head head;
        std::memcpy(&head, block_.get(), sizeof head);
        return head;
    }
    void set(const Head& head) noexcept { std::memcpy(block_.get(), &head, sizeof head); }

    std::unique_ptr<char[]> block_;
};

}  // namespace trunkline::proxy
