#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include <trunkline/connection.hpp>
#include <trunkline/message.hpp>

namespace trunkline {

class Pool;

/// A lane that a request was written to.
struct AskedLane {
    const Pool* pool = nullptr;
    std::uint32_t lane = 0;
    bool operator==(const AskedLane&) const = default;
};

/// The acknowledged requests that are open, and how the answers of several lanes make one (SPEC.md "Acks of requests"):
/// any Ok wins at once; else, when all asked lanes have answered or ended, `unknown` if one ended, another status if
/// there was one, else `not_found`. Pure; used on the loop.
///
/// Completions are handed back to be called, never called here. An entry stays until its last lane is heard of, because
/// each lane counts what it has open.
class Requests {
  public:
    /// What an answer changed.
    struct Outcome {
        bool counted = false;   ///< that lane had this request open and has no longer
        Completion completion;  ///< to be called with `status`; empty: nothing to call
        AckStatus status = AckStatus::unknown;
    };

    /// `id` must not be open.
    void add(std::int32_t id, std::vector<AskedLane> asked, Completion completion);

    /// A lane answered.
    Outcome on_answer(std::int32_t id, AskedLane from, AckStatus status);

    /// A pool ended: all its lanes count as ended. What completes by that.
    std::vector<Outcome> on_pool_ended(const Pool* pool);

    std::size_t size() const noexcept { return open_.size(); }

  private:
    struct Request {
        std::vector<AskedLane> waiting_for;
        Completion completion;
        bool some_ended = false;
        AckStatus other = AckStatus::not_found;  ///< the last status that was neither Ok nor NotFound
    };

    static Outcome conclude(Request& request);

    std::unordered_map<std::int32_t, Request> open_;
};

}  // namespace trunkline
