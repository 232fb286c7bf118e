#include "appserver-sdk/src/core/parking.hpp"

namespace trunkline {

bool Parking::is_too_much(const ConnectionState& connection, std::string_view bytes) const noexcept {
    // One message is always kept, however long it is.
    return !connection.parked.empty() && connection.parked.bytes() + cost_of(bytes) > limits_.parked_per_connection;
}

std::shared_ptr<ConnectionState> Parking::largest() const {
    return by_size_.empty() ? nullptr : by_size_.rbegin()->second;
}

void Parking::add(const std::shared_ptr<ConnectionState>& connection, ParkedMessage message) {
    const Key before = key_of(*connection);
    const bool is_first = connection->parked.empty();
    connection->parked.push(std::move(message));
    if (is_first) {
        bytes_ += connection->parked.bytes();
        by_size_.emplace(key_of(*connection), connection);
    } else {
        on_changed(*connection, before);
    }
}

ParkedMessage Parking::take(ConnectionState& connection) {
    const Key before = key_of(connection);
    ParkedMessage message = connection.parked.pop();
    on_changed(connection, before);
    return message;
}

void Parking::drop(ConnectionState& connection) {
    if (connection.parked.empty()) return;
    const Key before = key_of(connection);
    connection.parked.clear();
    on_changed(connection, before);
}

void Parking::on_changed(ConnectionState& connection, const Key& before) {
    bytes_ = bytes_ - before.first + connection.parked.bytes();
    auto node = by_size_.extract(before);
    if (connection.parked.empty()) return;
    node.key() = key_of(connection);
    by_size_.insert(std::move(node));
}

}  // namespace trunkline
