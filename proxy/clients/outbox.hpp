#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/clock.hpp"
#include "net/shared_bytes.hpp"
#include "proxy/clients/front_queue.hpp"

namespace trunkline::proxy {

/// The queue of what waits for one client's socket. Its entries are messages and controls, each one framed already by
/// the client's transport: the outbox does not know any framing, it remembers where each entry begins. The first entry
/// may have been written in part; it is then *begun* and must go out whole.
///
/// An entry is either copied or shared. Copied entries lie together in one buffer, so that a burst of small ones is
/// one piece of one write; each costs 4 bytes more. A shared entry is a reference to bytes that wait for other clients
/// too; it costs 16 bytes more. Shared entries may be dropped again until they are begun, copied ones may not.
///
/// Memory is in proportion to what waits, however much was written or dropped before. Each operation but `gather` takes
/// constant time per entry that it adds, drops or finishes, on average. The session checks the limit, and owns an
/// outbox only while something waits.
class Outbox {
  public:
    enum class Kind : std::uint32_t {
        message,  ///< a whole message of the app
        control,  ///< what the proxy itself says: a pong, a ping, a close, an HTTP answer
    };

    /// Up to this size a message is better copied than shared, unless it is to be droppable.
    static constexpr std::size_t kCopyBytes = 2048;

    bool empty() const noexcept { return bytes_ == 0; }
    /// Bytes that are still to be written.
    std::size_t bytes() const noexcept { return bytes_; }
    /// `bytes()` and the records of all entries. This is what the limit applies to.
    std::size_t cost() const noexcept;
    /// What `cost()` would be if everything that may be dropped were dropped.
    std::size_t cost_if_dropped() const noexcept;
    /// When the client last took bytes, or when something began to wait. Set by `note_progress`.
    net::Clock::time_point progressed_at() const noexcept { return progressed_at_; }
    void note_progress(net::Clock::time_point now) noexcept { progressed_at_ = now; }
    /// How many messages wait. One that is begun counts, controls do not.
    std::size_t messages() const noexcept { return messages_; }

    /// Appends a copy of one entry, given in two parts. Not empty, and less than 2 GiB.
    void append(Kind kind, std::string_view head, std::string_view payload = {});
    /// Appends a reference to one message. Not empty.
    void append_shared(const net::SharedBytes& message);

    /// Fills `out` with what is to be written next, in order, and returns how many pieces that is. They are valid until
    /// the next call that changes the outbox.
    std::size_t gather(std::span<std::string_view> out) const noexcept;
    /// The first `bytes` of what waits were written.
    void written(std::size_t bytes);

    /// Drops every entry, copied ones too, but the begun one. Returns how many messages were dropped.
    std::size_t drop_unbegun();
    /// Drop the oldest or the newest message that may be dropped. False if there is none.
    bool drop_oldest();
    bool drop_newest();

    /// Memory in use, in bytes, without the bytes of shared messages.
    std::size_t capacity() const noexcept;

    /// Drops everything, the begun entry too, and gives back memory that a client who keeps up does not need.
    void reset();

  private:
    struct Copied {
        std::uint32_t size : 31;
        Kind kind : 1;
    };
    static_assert(sizeof(Copied) == 4);

    struct Shared {
        net::SharedBytes message;
        // It is next when `copied_out_` equals this: its place among the copied entries.
        std::uint64_t position = 0;
    };
    static_assert(sizeof(Shared) == 16);

    bool first_is_shared() const noexcept { return !shared_.empty() && shared_[0].position == copied_out_; }
    bool shared_is_begun() const noexcept { return begun_ != 0 && first_is_shared(); }
    std::size_t first_size() const noexcept { return first_is_shared() ? shared_[0].message.size() : copied_[0].size; }
    void remove_first();
    void clear() noexcept;

    FrontQueue<std::string> copied_bytes_;    // of all copied entries, a begun one whole
    FrontQueue<std::vector<Copied>> copied_;  // one for each copied entry
    FrontQueue<std::vector<Shared>> shared_;  // in order of position
    std::uint64_t copied_out_ = 0;            // bytes of the copied entries removed since the outbox was last cleared
    std::size_t shared_bytes_ = 0;            // of all shared entries, a begun one whole
    std::size_t begun_ = 0;                   // bytes of the first entry that are written
    std::size_t bytes_ = 0;
    std::size_t messages_ = 0;
    net::Clock::time_point progressed_at_{};
};

/// Spare outboxes for the clients of one worker. A client that keeps up borrows one for the length of a turn.
class OutboxPool {
  public:
    std::unique_ptr<Outbox> take();
    void give_back(std::unique_ptr<Outbox> outbox);

    /// Memory of all spare outboxes, in bytes.
    std::size_t capacity() const noexcept { return capacity_; }

  private:
    static constexpr std::size_t kMaxSpare = 512;  // more than one turn of echoes borrows
    static constexpr std::size_t kMaxCapacity = 1 << 20;

    std::vector<std::unique_ptr<Outbox>> spare_;
    std::size_t capacity_ = 0;
};

}  // namespace trunkline::proxy
