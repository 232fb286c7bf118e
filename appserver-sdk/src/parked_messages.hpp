#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <trunkline/message.hpp>

namespace trunkline {

/// A message that waits for its connection to be accepted or resumed.
struct ParkedMessage {
    MessageKind kind;
    bool redelivered;
    std::string bytes;
};

/// What keeping a message of these bytes counts, in bytes: small ones are not free.
inline std::size_t cost_of(std::string_view bytes) noexcept { return bytes.size() + sizeof(ParkedMessage); }

/// The parked messages of one connection, oldest first. Most connections never have one, so it is one pointer until
/// then.
class ParkedMessages {
  public:
    bool empty() const noexcept { return queue_ == nullptr; }
    /// What they cost.
    std::size_t bytes() const noexcept { return queue_ == nullptr ? 0 : queue_->bytes; }

    void push(ParkedMessage message) {
        if (queue_ == nullptr) queue_ = std::make_unique<Queue>();
        queue_->bytes += cost_of(message.bytes);
        queue_->messages.push_back(std::move(message));
    }
    /// Not if it is empty.
    ParkedMessage pop() {
        ParkedMessage message = std::move(queue_->messages.front());
        queue_->messages.pop_front();
        queue_->bytes -= cost_of(message.bytes);
        if (queue_->messages.empty()) queue_.reset();
        return message;
    }
    void clear() noexcept { queue_.reset(); }

  private:
    struct Queue {
        std::deque<ParkedMessage> messages;
        std::size_t bytes = 0;
    };

    std::unique_ptr<Queue> queue_;
};

}  // namespace trunkline
