// What both sides of the resize model share: the chance, the clients and what they are to see, and links that cut and
// close at either end.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "tests/unit/protocol/lane_model_wires.hpp"
#include "trunkline/protocol/lane/mark_barrier.hpp"

namespace trunkline::protocol::model {

enum class ResizeMutant {
    none,
    no_barrier,              // nothing waits behind a Mark
    marks_on_added_lanes,    // growing, only the lanes that are added carry a Mark
    marks_on_lanes_before,   // those that are added carry none
    marks_on_lanes_after,    // those that are to fall away carry none
    fan_out_by_first_mark,   // the app server's fan-outs go by the new number before its own Marks
    number_by_first_mark,    // the receiver reckons by the new number from the first Mark on
    number_of_the_chunk,     // and what follows the last Mark in its chunk still by the old one
    mark_before_attached,    // the proxy does not wait until the lanes that are added have links
    drop_when_link_ends,     // the proxy does not wait until it is refused
    resize_before_all_fell,  // the next resize begins while lanes of the one before are still there
    fall_with_open_request,  // the app server closes a lane that owes it an answer
    fall_unacknowledged,     // or one whose frames are not all acknowledged
    fall_while_marks_miss,   // or, growing, one whose Mark came first
    fall_when_new,           // or one that is not used yet
    opened_by_lane,          // which chans were opened is forgotten with the lane that opened them
    call_before_owed_mark,   // a call that another thread makes at the switch passes a Mark that waits for room
    waiting_is_forgotten,    // nobody takes up what waited behind the Marks
    hand_on_by_lane,         // what is handed on, if the app server is lost, goes lane by lane
    hand_on_handled,         // and all that is not acknowledged of it, though what came behind it was handled
};

struct ResizeSchedule {
    std::uint64_t seed = 0;
    ResizeMutant mutant = ResizeMutant::none;
    bool has_cuts = false;
};

constexpr unsigned kMostLanes = 6;

// --- Links ---

/// One socket: the proxy asks by it for a lane, the app server answers, frames follow.
struct Link {
    struct Ask {
        std::size_t lane;
        std::size_t lanes;
        std::uint32_t attempt;
        std::uint64_t received;
        std::uint64_t limit;
    };
    struct Answer {
        bool is_ok;
        std::uint64_t received;
        std::uint64_t limit;
    };

    Ask ask;
    std::optional<Answer> answer{};
    std::array<std::string, 2> wire{};  // by who wrote it, not yet read by the other
    std::array<bool, 2> is_closed{};    // likewise; what stands in the wire is read before the end is seen
};

// --- Clients ---

struct Client {
    std::uint8_t key = 0;
    bool is_open = false;         // at the proxy
    bool is_member = false;       // likewise
    bool is_known = false;        // its Open was handled by the app server, and its end was not
    bool has_joined = false;      // in the order of the app's calls
    bool has_left = false;        // of itself
    bool is_dismissed = false;    // by the app server
    bool is_untold = false;       // its lane had no room for its Close
    bool was_told = false;        // the app server has handled its Close
    std::uint32_t opened_at = 0;  // calls before it: of those it may have seen any, but each once
    std::uint32_t sent = 0;       // messages
    std::vector<std::uint32_t> handled{};
    std::vector<std::uint32_t> expected{};  // calls, in their order
    std::vector<std::uint32_t> seen{};
};

struct World {
    explicit World(const ResizeSchedule& its_schedule) : schedule(its_schedule), random(its_schedule.seed) {
        settings.window_bytes = random.pick<std::uint64_t>({40, 200, 1000});
        settings.ring_bytes = random.pick<std::uint64_t>({60, 300, 2000});
        settings.reserve_bytes = random.pick<std::uint64_t>({20, 60, 400}) + kForAnswers;
        settings.max_frame_bytes = kLargestFrame;
        settings.ack_delay = std::chrono::milliseconds(random.pick({0, 5, 50}));
        largest = random.pick<std::size_t>({30, 60, 150, 300});
    }

    bool is(ResizeMutant mutant) const { return schedule.mutant == mutant; }
    std::string frame(Kind kind, std::uint32_t number, std::size_t client) {
        return encode({kind, number, static_cast<std::uint32_t>(client)}, random.between(kLeastFrame, largest));
    }

    /// Open on one lane.
    static constexpr std::size_t kMostRequests = 2;
    /// What the proxy keeps of its reserve for the answers, and the Marks between them.
    static constexpr std::size_t kForAnswers = (kMostRequests + 6) * kLeastFrame;

    const ResizeSchedule schedule;
    Random random;
    LaneSettings settings;
    std::size_t largest = 0;
    TimePoint now{std::chrono::hours(1)};
    std::vector<Client> clients;                // by chan, from 0
    std::vector<std::shared_ptr<Link>> asking;  // on their way to the app server
    std::uint32_t calls = 0;                    // of the app, each with its number
};

inline std::string small_frame(Kind kind, std::uint32_t number, std::size_t client) {
    return encode({kind, number, static_cast<std::uint32_t>(client)}, kLeastFrame);
}

/// Whether a lane carries a Mark from one number to another.
inline bool carries_mark(const World& world, std::size_t lane, std::uint32_t before, std::uint32_t after) {
    if (world.is(ResizeMutant::marks_on_added_lanes) && after > before) return lane >= before;
    if (world.is(ResizeMutant::marks_on_lanes_before)) return lane < before;
    if (world.is(ResizeMutant::marks_on_lanes_after)) return lane < after;
    return lane < std::max(before, after);
}

/// The receiving half of a resize as one side uses it: a real MarkBarrier, and what a mutant makes of it.
class Barrier {
  public:
    Barrier(const World& world, std::uint32_t lanes) : world_(world), real_(lanes) {}

    std::uint32_t lanes() const noexcept {
        return world_.is(ResizeMutant::number_by_first_mark) && real_.is_waiting() ? next_ : real_.lanes();
    }
    std::uint32_t next() const noexcept { return real_.is_waiting() ? next_ : real_.lanes(); }
    std::uint32_t version() const noexcept { return real_.version(); }
    bool is_waiting() const noexcept { return real_.is_waiting(); }
    bool holds_back(std::size_t lane) const noexcept {
        return !world_.is(ResizeMutant::no_barrier) && real_.holds_back(static_cast<std::uint32_t>(lane));
    }

    bool on_mark(std::size_t lane, const Frame& frame, std::size_t existing) {
        const Mark mark{frame.number, frame.connection};
        const auto before = real_.lanes();
        next_ = mark.lanes;
        if (take(lane, mark, existing)) return true;
        // Where a mutant's sender writes fewer, its receiver expects fewer.
        const auto all = std::max(before, mark.lanes);
        std::size_t carried = 0;
        for (std::size_t i = 0; i < all; ++i) carried += carries_mark(world_, i, before, mark.lanes) ? 1 : 0;
        if (carried == all || ++came_ < carried) return false;
        came_ = 0;
        bool is_last = false;
        for (std::size_t i = 0; i < all; ++i) {
            if (!carries_mark(world_, i, before, mark.lanes)) is_last = take(i, mark, existing);
        }
        return is_last;
    }

  private:
    bool take(std::size_t lane, const Mark& mark, std::size_t existing) {
        const auto is_last =
            real_.on_mark(static_cast<std::uint32_t>(lane), mark, static_cast<std::uint32_t>(existing));
        if (!is_last) throw Violation{"a Mark that was not to come"};
        return is_last.value();
    }

    const World& world_;
    MarkBarrier real_;
    std::uint32_t next_ = 0;
    std::size_t came_ = 0;
};

// --- Lanes ---

/// One side's lane and the link that carries it.
struct LinkedLane {
    LinkedLane(Lane::Side side, const LaneSettings& settings)
        : lane(side, settings), end(side == Lane::Side::proxy ? kProxy : kApp) {}

    bool has_ended() const { return link != nullptr && link->is_closed[1 - end] && link->wire[1 - end].empty(); }

    void hang_up() {
        lane.detach();
        link->is_closed[end] = true;
        link.reset();
    }

    /// The socket takes any part of what is offered, or nothing.
    void write(World& world) {
        if (!lane.is_attached() || world.random.chance(20)) return;
        std::array<Bytes, 4> views;
        const auto count = lane.gather(std::span(views).first(world.random.between(1, views.size())), world.now);
        std::string offered;
        for (std::size_t i = 0; i < count; ++i) offered += views[i];
        const std::size_t taken = world.random.chance(50) ? offered.size() : world.random.below(offered.size() + 1);
        if (!link->is_closed[1 - end]) link->wire[end] += offered.substr(0, taken);
        lane.written(taken);
    }

    /// The next bytes that came, cut anywhere; empty if there are none now.
    std::string read(World& world) {
        if (!lane.is_attached() || world.random.chance(20)) return {};
        std::string& wire = link->wire[1 - end];
        if (wire.empty()) return {};
        std::string chunk =
            wire.substr(0, world.random.chance(30) ? wire.size() : world.random.between(1, wire.size()));
        wire.erase(0, chunk.size());
        return chunk;
    }

    Lane lane;
    const std::size_t end;
    std::shared_ptr<Link> link{};
};

}  // namespace trunkline::protocol::model
