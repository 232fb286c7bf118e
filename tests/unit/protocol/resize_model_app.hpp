// The app server's side of the resize model: appserver-sdk/src/pool_resize.cpp and what it stands on, without sockets,
// threads and budgets.
#pragma once

#include <algorithm>
#include <utility>

#include "tests/unit/protocol/resize_model_world.hpp"

namespace trunkline::protocol::model {

class AppPool {
  public:
    struct Slot : LinkedLane {
        explicit Slot(const LaneSettings& settings) : LinkedLane(Lane::Side::app, settings) {}

        std::optional<std::uint32_t> attempt{};
        bool is_removed = false;
        bool is_busy = false;              // a handler said so; it will look again by itself
        std::uint64_t highest_opened = 0;  // chan + 1
        std::size_t open_requests = 0;
        std::size_t reserved = 0;        // for calls of other threads that are under way
        std::uint64_t released = 0;      // peer_handled() when it was last looked at
        std::deque<std::string> owed{};  // control frames beyond the reserve, in order
    };

    AppPool(World& world, std::uint32_t lanes) : world_(world), barrier_(world, lanes), lanes_out_(lanes) {
        while (slots_.size() < lanes) slots_.push_back(std::make_unique<Slot>(world.settings));
    }

    const std::vector<std::unique_ptr<Slot>>& slots() const { return slots_; }
    std::uint32_t lanes() const { return lanes_out_; }
    bool has_calls() const { return !calls_.empty(); }

    // --- Links ---

    void on_asked(const std::shared_ptr<Link>& link) {
        const auto& ask = link->ask;
        Slot* slot = slot_for(ask);
        if (slot == nullptr || (slot->attempt && ask.attempt <= *slot->attempt)) {
            link->answer = Link::Answer{false, 0, 0};
            return;
        }
        slot->attempt = ask.attempt;
        if (slot->link != nullptr) slot->hang_up();
        link->answer = Link::Answer{true, slot->lane.received(), slot->lane.limit()};
        slot->link = link;
        require(slot->lane.attach(ask.received, ask.limit, world_.now).has_value(), "an attach was refused");
        on_progress(*slot);
        go_on(*slot);
    }

    void turn() {
        if (world_.random.chance(50)) take_calls();
        for (const auto& held : slots_) {
            Slot& slot = *held;
            if (slot.has_ended()) slot.hang_up();
            if (slot.link == nullptr) continue;
            slot.write(world_);
            if (auto chunk = slot.read(world_); !chunk.empty()) on_chunk(slot, chunk);
            if (slot.is_busy && world_.random.chance(60)) {
                slot.is_busy = false;
                go_on(slot);
            }
        }
        if (goes_on_ && world_.random.chance(60)) {
            goes_on_ = false;
            for (const auto& slot : slots_) go_on(*slot);
        }
    }

    // --- Calls ---

    void fan_out() {
        const auto lanes = fan_out_lanes();
        const bool is_foreign = begin_call();
        for (std::size_t i = 0; i < lanes; ++i) {
            if (!has_room(slot_at(i))) return;
        }
        const auto kind = world_.random.chance(50) ? Kind::fan_group : Kind::fan_all;
        const auto bytes = world_.frame(kind, ++world_.calls, 0);
        for (auto& client : world_.clients) {
            if (client.is_open && !client.is_dismissed && (kind == Kind::fan_all || client.has_joined)) {
                client.expected.push_back(world_.calls);
            }
        }
        for (std::size_t i = 0; i < lanes; ++i) slots_[i]->reserved += bytes.size();
        calls_.push_back({bytes, std::nullopt, lanes});
        if (!is_foreign) take_calls();
    }

    void send(std::size_t index) {
        auto& client = world_.clients[index];
        const bool is_foreign = begin_call();
        if (!client.is_known || !has_room(home(client))) return;
        const auto bytes = world_.frame(Kind::reply, ++world_.calls, index);
        client.expected.push_back(world_.calls);
        home(client).reserved += bytes.size();
        calls_.push_back({bytes, index, 1});
        if (!is_foreign) take_calls();
    }

    void change_group(std::size_t index) {
        auto& client = world_.clients[index];
        take_calls();
        if (!client.is_known) return;
        const auto kind = client.has_joined ? Kind::leave : Kind::join;
        client.has_joined = !client.has_joined;
        append_control(home(client), small_frame(kind, 0, index));
    }

    void dismiss(std::size_t index) {
        auto& client = world_.clients[index];
        take_calls();
        if (!client.is_known) return;
        append_control(home(client), small_frame(Kind::close, 0, index));
        client.is_known = false;
        client.is_dismissed = true;
    }

    /// Every lane answers for its own clients, on itself.
    void ask_all() {
        take_calls();
        for (std::size_t i = 0; i < lanes_out_; ++i) {
            if (slot_at(i).open_requests == World::kMostRequests || !has_room(slot_at(i))) return;
        }
        for (std::size_t i = 0; i < lanes_out_; ++i) {
            slots_[i]->lane.append(small_frame(Kind::request, 0, 0));
            ++slots_[i]->open_requests;
        }
    }

  private:
    struct Call {
        std::string bytes;
        std::optional<std::size_t> client;  // nothing: a fan-out
        std::size_t lanes;
    };

    struct Handler {
        AppPool& pool;
        Slot& slot;
        std::size_t index;

        Result<Handled> on_sequenced(Bytes body) {
            if (pool.barrier_.holds_back(index)) return Handled::later;
            if (!has_room(slot)) return Handled::later;
            if (pool.world_.random.chance(20)) {
                slot.is_busy = true;
                return Handled::later;
            }
            pool.take(slot, index, decode_body(body));
            return Handled::done;
        }
        Result<void> on_unsequenced(std::uint32_t, Bytes) { throw Violation{"an unsequenced frame that is no Ack"}; }
    };

    std::size_t index_of(const Slot& slot) const {
        std::size_t index = 0;
        while (slots_[index].get() != &slot) ++index;
        return index;
    }

    /// A mutant may mean one that is not there.
    Slot& slot_at(std::size_t index) {
        require(index < slots_.size(), "a frame for a lane that is not there");
        return *slots_[index];
    }

    Slot& home(const Client& client) { return slot_at(client.key % lanes_out_); }

    std::size_t fan_out_lanes() const {
        return world_.is(ResizeMutant::fan_out_by_first_mark) ? barrier_.next() : lanes_out_;
    }

    Slot* slot_for(const Link::Ask& ask) {
        if (ask.lane < slots_.size() && !slots_[ask.lane]->is_removed) return slots_[ask.lane].get();
        if (ask.lane >= ask.lanes || barrier_.is_waiting()) return nullptr;
        while (slots_.back()->is_removed) slots_.pop_back();
        while (slots_.size() < ask.lanes) slots_.push_back(std::make_unique<Slot>(world_.settings));
        return slots_[ask.lane]->is_removed ? nullptr : slots_[ask.lane].get();
    }

    // --- Out ---

    static std::size_t used(const Slot& slot) { return slot.lane.held_bytes() + slot.reserved; }

    static bool has_room(const Slot& slot) { return slot.lane.room() > slot.reserved && slot.owed.empty(); }

    bool append_if_reserve(Slot& slot, const std::string& bytes) {
        const auto ring = world_.settings.ring_bytes;
        const auto reserve = world_.settings.reserve_bytes - World::kForAnswers;  // those are the proxy's
        if (used(slot) >= ring && used(slot) + bytes.size() > ring + reserve) return false;
        slot.lane.append(bytes);
        return true;
    }

    void append_control(Slot& slot, const std::string& bytes) {
        if (!slot.owed.empty() || !append_if_reserve(slot, bytes)) slot.owed.push_back(bytes);
    }

    /// Whether a call comes from another thread. If not, what others have called goes first.
    bool begin_call() {
        if (world_.random.chance(50)) return true;
        take_calls();
        return false;
    }

    void take_calls() {
        for (const auto& call : std::exchange(calls_, {})) {
            if (!call.client) {
                for (std::size_t i = 0; i < call.lanes; ++i) append_reserved(slot_at(i), call.bytes);
            } else if (const auto& client = world_.clients[*call.client]; client.is_known) {
                append_reserved(home(client), call.bytes);
            } else {
                home(client).reserved -= call.bytes.size();
            }
        }
    }

    static void append_reserved(Slot& slot, const std::string& bytes) {
        slot.reserved -= bytes.size();
        slot.lane.append_data(bytes, {});
    }

    // --- In ---

    void on_chunk(Slot& slot, std::string& chunk) {
        Handler handler{*this, slot, index_of(slot)};
        const auto taken = slot.lane.receive(chunk, world_.now, handler);
        if (!taken) throw Violation{"the app server ends the pool: " + taken.error().message()};
        chunk.assign(chunk.size(), '\xdd');  // nothing may still look at it
        on_progress(slot);
        remove_if_done(slot);
    }

    void on_progress(Slot& slot) {
        if (std::exchange(slot.released, slot.lane.peer_handled()) == slot.lane.peer_handled()) return;
        while (!slot.owed.empty() && append_if_reserve(slot, slot.owed.front())) slot.owed.pop_front();
        go_on(slot);
    }

    void go_on(Slot& slot) {
        if (!slot.lane.is_attached() || !slot.lane.has_waiting() || !has_room(slot)) return;
        Handler handler{*this, slot, index_of(slot)};
        require(slot.lane.resume(world_.now, handler).has_value(), "resume failed");
        remove_if_done(slot);
    }

    void take(Slot& slot, std::size_t index, const Frame& frame) {
        if (frame.kind == Kind::mark) return on_mark(index, frame);
        if (frame.kind == Kind::answer) {
            --slot.open_requests;
            return;
        }
        auto& client = world_.clients.at(frame.connection);
        require(client.key % barrier_.lanes() == index, "the app got something on a lane that is not its home");
        if (frame.kind == Kind::open) {
            require(frame.connection + 1 > slot.highest_opened, "a chan was opened out of turn");
            slot.highest_opened = frame.connection + 1;
            client.is_known = true;
            return;
        }
        require(frame.connection + 1 <= slot.highest_opened, "the app got a chan that was never opened");
        if (client.is_dismissed) return;  // late
        require(client.is_known, "the app got something of a client that had left");
        if (frame.kind == Kind::close) {
            client.is_known = false;
            client.was_told = true;
            return;
        }
        require(frame.kind == Kind::data, "the app got a frame meant for the proxy");
        client.handled.push_back(frame.number);
        send(frame.connection);  // the handler answers
    }

    void on_mark(std::size_t index, const Frame& frame) {
        if (!barrier_.on_mark(index, frame, slots_.size())) return;
        std::uint64_t highest = 0;
        for (const auto& slot : slots_) highest = std::max(highest, slot->highest_opened);
        for (const auto& slot : slots_) {
            if (!world_.is(ResizeMutant::opened_by_lane)) slot->highest_opened = highest;
        }

        take_calls();
        const auto before = std::exchange(lanes_out_, frame.connection);
        if (world_.is(ResizeMutant::call_before_owed_mark) && !world_.clients.empty()) {
            send(world_.random.below(world_.clients.size()));
        }
        for (std::size_t i = 0; i < std::max(before, lanes_out_); ++i) {
            if (!carries_mark(world_, i, before, lanes_out_)) continue;
            append_control(slot_at(i), small_frame(Kind::mark, frame.number, lanes_out_));
        }
        goes_on_ = !world_.is(ResizeMutant::waiting_is_forgotten);
    }

    void remove_if_done(Slot& slot) {
        const auto used_lanes = std::max(lanes_out_, barrier_.lanes());
        if (index_of(slot) < used_lanes || slot.link == nullptr) return;
        if (barrier_.is_waiting() && !world_.is(ResizeMutant::fall_while_marks_miss)) return;
        if (slot.lane.handled() == 0 && !world_.is(ResizeMutant::fall_when_new)) return;
        if (slot.lane.held_bytes() != 0 && !world_.is(ResizeMutant::fall_unacknowledged)) return;
        if (!slot.owed.empty() || slot.lane.has_waiting()) return;
        if (slot.open_requests != 0 && !world_.is(ResizeMutant::fall_with_open_request)) return;
        slot.is_removed = true;
        slot.lane.probe();
        slot.write(world_);
        slot.hang_up();
    }

    World& world_;
    std::vector<std::unique_ptr<Slot>> slots_;
    Barrier barrier_;
    std::uint32_t lanes_out_;
    std::vector<Call> calls_;  // of other threads, under way
    bool goes_on_ = false;     // what waited behind Marks is to be taken up
};

}  // namespace trunkline::protocol::model
