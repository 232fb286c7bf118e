#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "tests/support/schedules.hpp"

namespace trunkline::model {

/// Sees everything, as no process can: what each app server was told of each connection, and what came back. Throws a
/// Violation of the first promise that is broken.
class Ledger {
  public:
    using Connection = std::uint64_t;
    using Process = std::uint64_t;  // the epoch of an app server

    // --- P1: of each attachment one open, then one close, and nothing outside ---
    void open(Process app, Connection connection, std::uint64_t attachment) {
        test::require(opened_.insert({connection, attachment}).second, "P1 an attachment was opened twice");
        test::require(open_.emplace(std::pair{connection, app}, attachment).second,
                      "P1 opened again before it was closed");
        auto& newest = newest_[connection];
        newest = std::max(newest, attachment);
    }
    void close(Process app, Connection connection) {
        test::require(open_.erase({connection, app}) == 1, "P1 closed, and was not open");
    }
    /// The process is gone, and with it all that it knew.
    void forget(Process app) {
        std::erase_if(open_, [app](const auto& entry) { return entry.first.second == app; });
    }
    std::vector<Process> open_at(Connection connection) const {
        std::vector<Process> apps;
        for (auto it = open_.lower_bound({connection, 0}); it != open_.end() && it->first.first == connection; ++it) {
            apps.push_back(it->first.second);
        }
        return apps;
    }

    // --- P2: one owner at a time. P3: handled once, in order, or again with the flag ---
    void handle(Process app, Connection connection, std::uint64_t message, bool is_redelivered) {
        const auto attachment = open_.find({connection, app});
        test::require(attachment != open_.end(), "P1 a message outside of open and close");
        test::require(newest_[connection] == attachment->second, "P2 two owners");
        auto& handled = handled_[connection];
        const auto before = handled.find(message);
        test::require(is_redelivered || before == handled.end(), "P3 doubled without the flag");
        test::require(before == handled.end() || before->second != attachment->second, "P3 doubled in one attachment");
        test::require(message == 1 || is_done_with(connection, message - 1), "P3 lost or out of order");
        handled[message] = attachment->second;
    }
    /// The process dies of this message; a third must not.
    void kill(Connection connection, std::uint64_t message) {
        test::require(++kills_[{connection, message}] <= 2, "P3 a message killed a third app server");
    }
    bool is_done_with(Connection connection, std::uint64_t message) const {
        const auto handled = handled_.find(connection);
        return (handled != handled_.end() && handled->second.count(message) != 0) ||
               kills_.count({connection, message}) != 0;
    }
    std::size_t handled(Connection connection) const {
        const auto handled = handled_.find(connection);
        return handled == handled_.end() ? 0 : handled->second.size();
    }

    // --- P4: to the client exactly once ---
    std::uint64_t next_answer() { return ++answers_; }
    void deliver(std::uint64_t answer) { test::require(delivered_.insert(answer).second, "P4 an answer came twice"); }

  private:
    std::set<std::pair<Connection, std::uint64_t>> opened_;
    std::map<std::pair<Connection, Process>, std::uint64_t> open_;
    std::map<Connection, std::uint64_t> newest_;
    std::map<Connection, std::map<std::uint64_t, std::uint64_t>> handled_;  // message -> attachment
    std::map<std::pair<Connection, std::uint64_t>, unsigned> kills_;
    std::uint64_t answers_ = 0;
    std::set<std::uint64_t> delivered_;
};

}  // namespace trunkline::model
