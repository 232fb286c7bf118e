#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/shared_bytes.hpp"

namespace trunkline::proxy {

/// What waits for one client's socket: whole WebSocket frames in order, of which the first may have been written in
/// part. Small frames are copied together, so that a burst is one write of one piece; large fan-outs are references.
/// The bound is the session's business. A session owns one only while something waits.
class Outbox {
  public:
    /// Frames longer than this are shared instead of copied when they can be.
    static constexpr std::size_t kCopyBytes = 2048;

    bool empty() const noexcept { return bytes_ == 0; }
    std::size_t bytes() const noexcept { return bytes_; }
    /// What waits, and the record of each piece of it: what the bound is for.
    std::size_t cost() const noexcept { return bytes_ + (segments_.size() - first_) * sizeof(Segment); }

    /// Appends one whole frame, copied from two parts.
    void append(std::string_view head, std::string_view payload = {});
    /// Appends one whole frame that others send too.
    void append(const net::SharedBytes& frame);
    /// As above; it may be dropped again while no byte of it is written.
    void append_droppable(const net::SharedBytes& frame);
    /// Appends an HTTP answer, which is not a frame: the one that ends or begins the upgrade.
    void append_answer(std::string_view answer);

    std::size_t gather(std::span<std::string_view> out) const noexcept;
    void written(std::size_t bytes);

    /// How many messages wait, one that was written in part included. Walks over all of them.
    std::size_t messages() const;

    /// Drops every frame of which no byte was written; returns how many messages those were.
    std::size_t drop_unbegun();

    /// Drop one frame of those that may be: the first or the last of which no byte was written. False if there is none.
    bool drop_oldest();
    bool drop_newest();

    /// Memory in use, in bytes, without what is shared.
    std::size_t capacity() const noexcept { return own_.capacity() + segments_.capacity() * sizeof(Segment); }

    /// Empties it and gives memory back, so that it can be used for another client.
    void reset();

  private:
    struct Segment {
        net::SharedBytes shared;  // empty: the next `size` bytes of own_
        std::size_t size : 63 = 0;
        std::size_t may_drop : 1 = false;  // only where shared
    };
    static_assert(sizeof(Segment) == 16);

    std::size_t first_unbegun() const noexcept { return first_ + (begun_ != 0 ? 1 : 0); }
    std::string_view bytes_of(std::size_t segment, std::size_t own_offset) const noexcept;

    std::string own_;                // the copied frames of all segments without `shared`, in order
    std::vector<Segment> segments_;  // every one begins and ends with a frame
    std::size_t first_ = 0;          // segments before it are written
    std::size_t own_begin_ = 0;      // where the first own segment begins in own_
    std::size_t begun_ = 0;          // bytes of the first segment that are written
    std::size_t bytes_ = 0;
};

/// Outboxes for the clients of a worker that have something waiting; a client that keeps up borrows one for a moment.
class OutboxPool {
  public:
    std::unique_ptr<Outbox> take();
    void give_back(std::unique_ptr<Outbox> outbox);

  private:
    static constexpr std::size_t kKept = 512;  // more than a turn of echoes borrows
    std::vector<std::unique_ptr<Outbox>> free_;
};

}  // namespace trunkline::proxy
