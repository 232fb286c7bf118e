#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <utility>

#include "appserver-sdk/src/connection_state.hpp"

#include <trunkline/options.hpp>

namespace trunkline {

/// Keeps the messages of connections that are paused or not answered, within limits for each and for all together. On
/// the loop.
class Parking {
  public:
    explicit Parking(const Limits& limits) : limits_(limits) {}

    /// Whether this message would go beyond what one connection may keep.
    bool is_too_much(const ConnectionState& connection, std::string_view bytes) const noexcept;
    /// Whether this message would go beyond what all connections may keep together.
    bool is_full(std::string_view bytes) const noexcept { return bytes_ + cost_of(bytes) > limits_.parked_in_all; }
    /// The connection that keeps most; null if none keeps anything.
    std::shared_ptr<ConnectionState> largest() const;

    void add(const std::shared_ptr<ConnectionState>& connection, ParkedMessage message);
    /// The oldest message of a connection that has one.
    ParkedMessage take(ConnectionState& connection);
    /// Drops all messages of a connection.
    void drop(ConnectionState& connection);

  private:
    using Key = std::pair<std::size_t, const ConnectionState*>;

    static Key key_of(const ConnectionState& connection) { return {connection.parked.bytes(), &connection}; }
    /// To be called when the connection keeps more or less than `before`.
    void on_changed(ConnectionState& connection, const Key& before);

    const Limits& limits_;
    std::size_t bytes_ = 0;
    std::map<Key, std::shared_ptr<ConnectionState>> by_size_;  // all that keep anything
};

}  // namespace trunkline
