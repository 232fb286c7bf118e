// The proxy's side of the resize model: proxy/upstreams/native/lane_pool_resize.cpp and what it stands on, without
// sockets and sessions.
#pragma once

#include <algorithm>
#include <utility>

#include "tests/unit/protocol/resize_model_app.hpp"

namespace trunkline::protocol::model {

class ProxyPool {
  public:
    struct Place : LinkedLane {
        explicit Place(const LaneSettings& settings) : LinkedLane(Lane::Side::proxy, settings) {}

        std::uint32_t attempts = 0;
        bool was_attached = false;
        bool is_removed = false;
        std::uint64_t mark_end = 0;  // of the newest, in its ring
    };

    ProxyPool(World& world, const AppPool& app, std::uint32_t lanes)
        : world_(world), app_(app), barrier_(world, lanes), wanted_(lanes), target_(lanes), lanes_out_(lanes) {
        while (places_.size() < lanes) places_.push_back(std::make_unique<Place>(world.settings));
    }

    const std::vector<std::unique_ptr<Place>>& places() const { return places_; }
    bool is_at_rest() const { return is_resized() && wanted_ == target_ && !looks_; }

    void resize(std::uint32_t lanes) {
        wanted_ = lanes;
        on_resize();
    }

    void turn() {
        for (std::size_t i = 0; i < places_.size(); ++i) {
            Place& place = *places_[i];
            if (place.link == nullptr) {
                if (!place.is_removed && world_.random.chance(30)) dial(place, i);
            } else if (!place.lane.is_attached()) {
                greet(place, i);
            } else if (place.has_ended()) {
                place.hang_up();
                if (world_.is(ResizeMutant::drop_when_link_ends) && i >= target_ && i >= lanes_out_) drop(i);
            } else {
                place.write(world_);
                if (auto chunk = place.read(world_); !chunk.empty()) on_chunk(place, i, chunk);
            }
        }
        for (std::size_t i = 0; i < world_.clients.size(); ++i) {
            if (world_.clients[i].is_untold) tell(i);
        }
        if (looks_ && world_.random.chance(60)) on_resize();
    }

    /// What would be handed on if the app server were lost now: of each client, from the first that it may not have
    /// handled. What stands before a Mark on any lane goes before what stands behind it on another, and is no matter
    /// any more once something behind it was handled, on whatever lane.
    std::vector<Frame> unhandled() const {
        const bool by_lane = world_.is(ResizeMutant::hand_on_by_lane);
        std::uint32_t first = world_.is(ResizeMutant::hand_on_handled) ? 0 : passed();
        std::vector<Frame> frames;
        for (auto version = by_lane ? version_ : first; version <= version_; ++version) {
            for (const auto& place : places_) {
                std::uint32_t at = version_ - marks_in(*place);
                place->lane.for_each_held([&](Bytes body, bool) {
                    const auto frame = decode_body(body);
                    if (frame.kind == Kind::mark) ++at;
                    if (frame.kind == Kind::data && (by_lane || at == version)) frames.push_back(frame);
                });
            }
        }
        return frames;
    }

    // --- Clients ---

    void open(std::uint8_t key) {
        Place& place = *places_[key % lanes_out_];
        if (!place.lane.has_room()) return;
        Client client;
        client.key = key;
        client.is_open = true;
        client.opened_at = world_.calls;
        send(place, small_frame(Kind::open, key, world_.clients.size()));
        world_.clients.push_back(std::move(client));
    }

    void send(std::size_t index) {
        Client& client = world_.clients[index];
        Place& place = *places_[client.key % lanes_out_];
        if (!client.is_open || !place.lane.has_room()) return;
        send(place, world_.frame(Kind::data, ++client.sent, index));
    }

    void leave(std::size_t index) {
        Client& client = world_.clients[index];
        if (!client.is_open) return;
        client.is_open = false;
        client.has_left = true;
        tell(index);
    }

  private:
    struct Handler {
        ProxyPool& pool;
        Place& place;
        std::size_t index;
        std::uint32_t lanes;

        Result<Handled> on_sequenced(Bytes body) {
            if (pool.barrier_.holds_back(index)) return Handled::later;
            pool.take(place, index, lanes, decode_body(body));
            if (!pool.world_.is(ResizeMutant::number_of_the_chunk)) lanes = pool.barrier_.lanes();
            return Handled::done;
        }
        Result<void> on_unsequenced(std::uint32_t, Bytes) { throw Violation{"an unsequenced frame that is no Ack"}; }
    };

    static void send(Place& place, const std::string& bytes) { place.lane.append_data(bytes, {}); }

    void tell(std::size_t index) {
        Client& client = world_.clients[index];
        Lane& lane = places_[client.key % lanes_out_]->lane;
        const auto bytes = small_frame(Kind::close, 0, index);
        client.is_untold = !lane.has_reserve(bytes.size(), World::kForAnswers);
        if (!client.is_untold) lane.append(bytes);
    }

    // --- Links ---

    void dial(Place& place, std::size_t index) {
        place.link = std::make_shared<Link>();
        place.link->ask = {index, target_, place.attempts++, place.lane.received(), place.lane.limit()};
        world_.asking.push_back(place.link);
    }

    void greet(Place& place, std::size_t index) {
        if (!place.link->answer) {
            if (place.link->is_closed[kApp]) place.hang_up();
            return;
        }
        if (world_.random.chance(50)) return;
        const auto answer = *place.link->answer;
        if (!answer.is_ok) {
            place.hang_up();
            if (index >= target_ && index >= std::max(lanes_out_, barrier_.lanes())) drop(index);
            return;
        }
        require(place.lane.attach(answer.received, answer.limit, world_.now).has_value(), "an attach was refused");
        if (!std::exchange(place.was_attached, true)) on_resize();
    }

    // --- In ---

    void on_chunk(Place& place, std::size_t index, std::string& chunk) {
        Handler handler{*this, place, index, barrier_.lanes()};
        const auto taken = place.lane.receive(chunk, world_.now, handler);
        if (!taken) throw Violation{"the proxy ends the pool: " + taken.error().message()};
        chunk.assign(chunk.size(), '\xdd');  // nothing may still look at it
    }

    void take(Place& place, std::size_t index, std::uint32_t lanes, const Frame& frame) {
        if (frame.kind == Kind::mark) return on_mark(index, frame);
        if (frame.kind == Kind::request) {
            const auto bytes = small_frame(Kind::answer, 0, 0);
            require(place.lane.has_reserve(bytes.size()), "no reserve for an answer");
            place.lane.append(bytes);
            return;
        }
        if (frame.kind == Kind::fan_all || frame.kind == Kind::fan_group) {
            for (auto& client : world_.clients) {
                if (!client.is_open || client.key % lanes != index) continue;
                if (frame.kind == Kind::fan_all || client.is_member) client.seen.push_back(frame.number);
            }
            return;
        }
        auto& client = world_.clients.at(frame.connection);
        if (!client.is_open) return;  // late
        require(client.key % lanes == index, "the proxy got something on a lane that is not its home");
        switch (frame.kind) {
            case Kind::join: client.is_member = true; break;
            case Kind::leave: client.is_member = false; break;
            case Kind::close: client.is_open = false; break;
            case Kind::reply: client.seen.push_back(frame.number); break;
            default: throw Violation{"the proxy got a frame meant for the app"};
        }
    }

    // --- Resize ---

    /// The newest of our Marks that the app server has passed on all lanes, as far as we know.
    std::uint32_t passed() const {
        const auto is_behind = [](const auto& place) {
            return place->mark_end != 0 && place->lane.peer_handled() > place->mark_end;
        };
        return std::any_of(places_.begin(), places_.end(), is_behind) ? version_ : barrier_.version();
    }

    static std::uint32_t marks_in(const Place& place) {
        std::uint32_t marks = 0;
        place.lane.for_each_held([&](Bytes body, bool) { marks += decode_body(body).kind == Kind::mark ? 1 : 0; });
        return marks;
    }

    bool is_resized() const {
        const bool are_done = lanes_out_ == target_ && barrier_.lanes() == target_ && !barrier_.is_waiting();
        return are_done && (places_.size() == target_ || world_.is(ResizeMutant::resize_before_all_fell));
    }

    void on_resize() {
        looks_ = false;
        for (std::size_t i = 0; i < places_.size(); ++i) {
            Place& place = *places_[i];
            if (!place.lane.has_waiting() || barrier_.holds_back(i)) continue;
            Handler handler{*this, place, i, barrier_.lanes()};
            require(place.lane.resume(world_.now, handler).has_value(), "resume failed");
        }
        if (is_resized() && wanted_ != target_) {
            target_ = wanted_;
            while (places_.size() < target_) places_.push_back(std::make_unique<Place>(world_.settings));
        }
        if (lanes_out_ != target_ && !mark()) looks_ = true;
    }

    /// At one instant, when all are there. False: not all lanes have room.
    bool mark() {
        for (const auto& place : places_) {
            if (!place->was_attached && !world_.is(ResizeMutant::mark_before_attached)) return true;
        }
        const auto bytes = small_frame(Kind::mark, version_ + 1, target_);
        for (const auto& place : places_) {
            if (!place->lane.has_reserve(bytes.size())) return false;
        }
        ++version_;
        for (std::size_t i = 0; i < places_.size(); ++i) {
            if (!carries_mark(world_, i, lanes_out_, target_)) continue;
            places_[i]->lane.append(bytes);
            places_[i]->mark_end = places_[i]->lane.appended();
        }
        lanes_out_ = target_;
        return true;
    }

    void on_mark(std::size_t index, const Frame& frame) {
        require(frame.number == version_ && frame.connection == lanes_out_, "a Mark that does not answer ours");
        if (!barrier_.on_mark(index, frame, places_.size())) return;
        looks_ = !world_.is(ResizeMutant::waiting_is_forgotten);
    }

    /// What went over a lane that falls away was handled, both ways.
    void drop(std::size_t index) {
        Place& place = *places_[index];
        require(index < app_.slots().size(), "a lane was dropped that the app server does not know");
        const auto& slot = *app_.slots()[index];
        require(slot.lane.handled() == place.lane.appended(), "a lane was dropped that has something for the app");
        require(place.lane.handled() == slot.lane.appended() && slot.owed.empty() && slot.reserved == 0,
                "a lane was dropped that has something for the proxy");
        require(slot.is_removed, "a lane was dropped that the app server keeps");
        place.is_removed = true;
        while (places_.size() > target_ && places_.back()->is_removed) places_.pop_back();
        if (is_resized()) on_resize();
    }

    World& world_;
    const AppPool& app_;
    std::vector<std::unique_ptr<Place>> places_;
    Barrier barrier_;
    std::uint32_t wanted_;
    std::uint32_t target_;
    std::uint32_t lanes_out_;
    std::uint32_t version_ = 0;
    bool looks_ = false;  // on_resize is to be called soon
};

}  // namespace trunkline::protocol::model
