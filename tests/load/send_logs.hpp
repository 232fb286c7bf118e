#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tests/load/ledger.hpp"

namespace trunkline::load {

/// When all senders of a run, or of a part of it, have sent what. Parts are merged by adding: the steady clock is one
/// for all processes of a machine, so what one shard's sender sent and when another's receiver had joined compare.
class SendLogs {
  public:
    void add(std::uint32_t sender, SendLog log) { logs_.insert_or_assign(sender, std::move(log)); }
    void merge(SendLogs other) { logs_.merge(other.logs_); }
    /// Null for a sender that is not in it.
    const SendLog* log_of(std::uint32_t sender) const;
    /// Forgets what this sender sent from number `count` on.
    void cut(std::uint32_t sender, std::uint64_t count);

    std::string serialize() const;
    /// Throws std::runtime_error if `bytes` are not what `serialize` wrote.
    static SendLogs deserialize(std::string_view bytes);

  private:
    std::unordered_map<std::uint32_t, SendLog> logs_;
};

/// How far each sender was heard, by anybody, and which of them were closed. What a closed sender sent last may have
/// been lost with its connection: of that, only what came to somebody had to come to all.
struct Heard {
    std::map<std::uint32_t, std::uint64_t> ends;  ///< one above the highest number that came
    std::set<std::uint32_t> closed;

    void hear(std::uint32_t sender, std::uint64_t end);
    void merge(const Heard& other);
    std::uint64_t end_of(std::uint32_t sender) const;

    std::string serialize() const;
    /// Throws std::runtime_error if `bytes` are not what `serialize` wrote.
    static Heard deserialize(std::string_view bytes);
};

}  // namespace trunkline::load
