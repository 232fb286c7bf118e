#pragma once

#include <chrono>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "proxy/attachments/departed.hpp"
#include "proxy/metrics/counters.hpp"
#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/service/extension.hpp"

namespace trunkline::proxy {

class Attachment;

/// A message of a client for the next app server. One that is lost may have handled it already.
struct HeldMessage {
    std::size_t cost() const noexcept { return payload.size() + sizeof(HeldMessage); }

    protocol::PayloadKind kind;
    bool redelivered;
    std::string payload;
};

/// A connection without an app server, and the messages that the next one gets. Its client may be there still, or have
/// left since. The gauges count it, with all that it keeps, as long as it exists. Owned by HeldConnections; its
/// attachment refers to it.
class HeldConnection {
  public:
    HeldConnection(WorkerCounters& counters, Attachment& of, std::string name)
        : attachment(&of), app_server(std::move(name)), counters_(counters) {
        counters_.held_connections.add(1);
    }
    HeldConnection(WorkerCounters& counters, Departed&& of, std::string name)
        : attachment(nullptr), departed(std::move(of)), app_server(std::move(name)), counters_(counters) {
        counters_.held_connections.add(1);
    }
    HeldConnection(const HeldConnection&) = delete;
    HeldConnection& operator=(const HeldConnection&) = delete;
    ~HeldConnection() {
        counters_.held_connections.add(-1);
        counters_.held_messages.add(-static_cast<std::int64_t>(messages_.size()));
        for (const auto& message : messages_) counters_.held_bytes.add(-static_cast<std::int64_t>(message.cost()));
    }

    /// A message that the client sends meanwhile.
    void add(protocol::PayloadKind kind, protocol::Bytes payload) {
        messages_.push_back({kind, false, std::string(payload)});
        said_bytes_ += messages_.back().cost();
        count(messages_.back());
    }
    /// Messages that its app server had not handled. They came before those that are here.
    void put_first(std::vector<HeldMessage>&& unhandled) {
        for (const auto& message : unhandled) count(message);
        unhandled.insert(unhandled.end(), std::make_move_iterator(messages_.begin()),
                         std::make_move_iterator(messages_.end()));
        messages_ = std::move(unhandled);
    }
    const std::vector<HeldMessage>& messages() const noexcept { return messages_; }  // in order
    /// Whether the client is not read any more.
    bool is_full() const noexcept { return said_bytes_ >= kMaxBytes; }
    static constexpr std::size_t kMaxBytes = 16 << 10;

    Attachment* attachment;  ///< null: the client has left, and `departed` says what is to be told of it
    Departed departed;
    protocol::OpenReason why = protocol::OpenReason::resumed;
    const std::string app_server;  ///< the name of the one that was lost; empty: any will do
    bool was_lost_twice = false;   ///< two pools ended with the same message unhandled: maybe because of it
    std::chrono::steady_clock::time_point since{};

  private:
    void count(const HeldMessage& message) noexcept {
        counters_.held_messages.add(1);
        counters_.held_bytes.add(static_cast<std::int64_t>(message.cost()));
    }

    WorkerCounters& counters_;
    std::vector<HeldMessage> messages_;
    std::size_t said_bytes_ = 0;  // cost of those that came since it is held
};

}  // namespace trunkline::proxy
