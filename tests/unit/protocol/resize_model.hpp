// Random schedules of one pool that gets more lanes, and fewer, while everything else goes on (SPEC.md "Resize"): real
// lanes and real barriers, clients that come, send, leave and are dismissed, fan-outs, requests, calls of other
// threads, full rings, handlers that wait, links that are cut, and asked for again. What was sent must take effect once
// and in order, nothing may be lost with a lane that falls away, and each run comes to rest. Each mutant leaves one
// rule out.
#pragma once

#include <algorithm>
#include <functional>

#include "tests/unit/protocol/resize_model_proxy.hpp"

namespace trunkline::protocol::model {

class ResizeModel {
  public:
    explicit ResizeModel(const ResizeSchedule& schedule)
        : world_(schedule),
          lanes_(static_cast<std::uint32_t>(world_.random.between(1, 4))),
          app_(world_, lanes_),
          proxy_(world_, app_, lanes_),
          todo_(world_.random.between(40, 120)) {}

    /// Runs until nothing is left to do. Throws the first Violation.
    void run() {
        std::uint64_t last_progress = 0;
        int last_step = 0;
        for (int step = 0; !is_at_rest(); ++step) {
            if (const auto now = progress(); now != last_progress) {
                last_progress = now;
                last_step = step;
            }
            require(step < last_step + 1000, "no progress: it never comes to rest");
            world_.now += std::chrono::milliseconds(world_.random.below(15));
            proxy_.turn();
            meet();
            app_.turn();
            for (const auto& place : proxy_.places()) check(place->lane);
            for (const auto& slot : app_.slots()) check(slot->lane);
            if (!world_.is(ResizeMutant::none) || world_.random.chance(10)) check_unhandled();  // it takes its time
            if (todo_ > 0 && world_.schedule.has_cuts && world_.random.chance(5)) cut();
            if (todo_ > 0 && world_.random.chance(50)) act();
        }
        for (const auto& client : world_.clients) check_whole(client);
        for (const auto& slot : app_.slots()) require(slot->open_requests == 0, "a request was never answered");
    }

  private:
    /// The app server hears of some of those who ask it for a lane.
    void meet() {
        auto& asking = world_.asking;
        for (auto link = asking.begin(); link != asking.end();) {
            if (world_.random.chance(50)) {
                ++link;
                continue;
            }
            app_.on_asked(*link);
            link = asking.erase(link);
        }
    }

    /// A link breaks. What was under way is lost from some byte on; nobody knows what the other side has got.
    void cut() {
        const auto& place = proxy_.places()[world_.random.below(proxy_.places().size())];
        const auto link = place->link;
        if (link == nullptr) return;
        const auto is_asking = std::find(world_.asking.begin(), world_.asking.end(), link);
        if (is_asking != world_.asking.end()) {
            world_.asking.erase(is_asking);
            if (world_.random.chance(50)) app_.on_asked(link);
        }
        for (auto& wire : link->wire) wire.resize(world_.random.below(wire.size() + 1));
        if (!place->lane.is_attached() && world_.random.chance(50)) link->answer.reset();
        link->is_closed = {true, true};
        if (!link->answer) link->wire[kApp].clear();
    }

    void act() {
        --todo_;
        const auto what = world_.random.below(100);
        if (what < 8) return proxy_.resize(static_cast<std::uint32_t>(world_.random.between(1, kMostLanes)));
        if (what < 28) return app_.fan_out();
        if (what < 34) return app_.ask_all();
        if (what < 44 || world_.clients.empty()) {
            return proxy_.open(static_cast<std::uint8_t>(world_.random.below(256)));
        }
        const auto index = world_.random.below(world_.clients.size());
        if (what < 47) return proxy_.leave(index);
        if (what < 50) return app_.dismiss(index);
        if (what < 58) {
            for (auto n = world_.random.pick<std::size_t>({1, 1, 1, 25}); n > 0; --n) app_.change_group(index);
            return;
        }
        if (what < 66) return app_.send(index);
        proxy_.send(index);
    }

    /// What must hold at each moment, whatever the schedule.
    void check(const Lane& lane) const {
        const auto& settings = world_.settings;
        require(lane.received() - lane.handled() < settings.window_bytes + kLargestFrame,
                "more waits than the window allows");
        require(lane.held_bytes() < settings.ring_bytes + world_.largest + 2 + settings.reserve_bytes,
                "a ring outgrew its bound");
    }

    /// What would be handed on now is, of each client, all from some message on.
    void check_unhandled() const {
        std::vector<std::uint32_t> newest(world_.clients.size());
        for (const auto& frame : proxy_.unhandled()) {
            auto& number = newest[frame.connection];
            const auto& client = world_.clients[frame.connection];
            if (number == 0 && !client.is_dismissed) {
                require(frame.number <= client.handled.size() + 1, "a message is not handed on");
            }
            require(number == 0 || frame.number == number + 1, "messages are handed on with gaps, or out of order");
            number = frame.number;
        }
        for (std::size_t i = 0; i < newest.size(); ++i) {
            const auto& client = world_.clients[i];
            const bool has_more = newest[i] != 0 ? newest[i] < client.sent : client.handled.size() < client.sent;
            require(!has_more || (newest[i] == 0 && client.is_dismissed), "the last messages are not handed on");
        }
    }

    void check_whole(const Client& client) const {
        auto seen = client.seen;
        const auto is_increasing = std::adjacent_find(seen.begin(), seen.end(), std::greater_equal<>()) == seen.end();
        require(is_increasing, "a client saw something twice, or out of order");
        seen.erase(seen.begin(), std::upper_bound(seen.begin(), seen.end(), client.opened_at));
        auto expected = client.expected;
        if (client.has_left && seen.size() < expected.size()) expected.resize(seen.size());
        require(seen == expected, "a client missed something");
        for (std::size_t i = 0; i < client.handled.size(); ++i) {
            require(client.handled[i] == i + 1, "the app missed something, or handled it out of order");
        }
        require(client.is_dismissed || client.handled.size() == client.sent, "the app missed the end");
        require(client.is_dismissed || client.was_told == client.has_left, "the app was not told that a client left");
        require(client.is_open == client.is_known, "the two sides do not agree on who is connected");
    }

    /// Changes with every frame that is handled or acknowledged, and every lane that comes or goes.
    std::uint64_t progress() const {
        std::uint64_t sum = todo_ + proxy_.places().size() + 1000 * app_.slots().size();
        const auto add = [&](const LinkedLane& linked) {
            sum += 10'000 * (linked.lane.handled() + linked.lane.peer_handled());
        };
        for (const auto& place : proxy_.places()) add(*place);
        for (const auto& slot : app_.slots()) add(*slot);
        return sum;
    }

    bool is_at_rest() const {
        if (todo_ > 0 || !world_.asking.empty() || app_.has_calls() || !proxy_.is_at_rest()) return false;
        const auto is_idle = [this](const LinkedLane& linked) {
            if (!linked.lane.is_attached() || linked.lane.held_bytes() > 0) return false;
            if (linked.lane.has_waiting() || linked.lane.has_output(world_.now)) return false;
            return linked.link->wire[kProxy].empty() && linked.link->wire[kApp].empty();
        };
        const auto& places = proxy_.places();
        const auto& slots = app_.slots();
        if (app_.lanes() != places.size() || slots.size() < places.size()) return false;
        for (std::size_t i = 0; i < places.size(); ++i) {
            if (places[i]->link != slots[i]->link || !is_idle(*places[i]) || !is_idle(*slots[i])) return false;
        }
        for (std::size_t i = places.size(); i < slots.size(); ++i) require(slots[i]->is_removed, "a lane is left over");
        for (const auto& client : world_.clients) {
            if (client.is_untold) return false;
        }
        return true;
    }

    World world_;
    const std::uint32_t lanes_;
    AppPool app_;
    ProxyPool proxy_;
    std::size_t todo_;
};

}  // namespace trunkline::protocol::model
