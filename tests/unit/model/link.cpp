#include "tests/unit/model/link.hpp"

#include <utility>

#include "tests/unit/model/app_server.hpp"
#include "tests/unit/model/proxy.hpp"

namespace trunkline::model {

// --- Process ---

void Process::stop(Duration how_long) {
    if (!is_alive) return;
    stopped_until_ = std::max(stopped_until_, world.now + how_long);
    world.after(how_long, [this] { wake(); });
}

void Process::wake() {
    if (world.now < stopped_until_) return;
    auto woken = std::exchange(asleep_, {});
    world.random.shuffle(woken);
    for (auto& what : woken) after(seconds(world.random.uniform(0, .05)), std::move(what));
}

void Process::kill(Death death) {
    is_alive = false;
    for (const auto& link : world.links) {
        for (const std::size_t end : {kProxy, kApp}) {
            if (&link->at(end) == this) link->close(end, death == Death::host ? Link::Way::unsaid : Link::Way::said);
        }
    }
}

// --- Link ---

Link::Link(World& world, Proxy& its_proxy, AppServer& its_app, unsigned its_lane)
    : proxy(its_proxy),
      app(its_app),
      lane(its_lane),
      heard{world.now, world.now},
      begun{world.now, world.now},
      world_(world),
      ends_{&its_proxy, &its_app} {
    if (world.setting.has_slow_links && world.random.chance(33)) lag = seconds(world.random.uniform(0, 4));
}

void Link::put(std::size_t towards, Packet packet) {
    newest_[towards] =
        std::max(newest_[towards] + std::chrono::microseconds(10), world_.now + world_.packet_delay() + lag);
    wire_[towards].push_back({newest_[towards], std::move(packet)});
    world_.after(newest_[towards] - world_.now, [this, towards] { pump(towards); });
}

void Link::pump(std::size_t towards) {
    auto& wire = wire_[towards];
    while (!wire.empty() && wire.front().when <= world_.now && !is_swallowed_ &&
           !world_.is_cut(proxy, app, lane, towards)) {
        Packet packet = std::move(wire.front().packet);
        wire.pop_front();
        if (is_open_[towards]) {
            unread_[towards].push_back(std::move(packet));
            ends_[towards]->now_or_awake([this, towards] { read(towards); });
        } else if (!std::holds_alternative<End>(packet)) {
            put(1 - towards, End{});  // a reset: nobody is there
        }
    }
}

void Link::close(std::size_t end, Way way) {
    if (!is_open_[end]) return;
    is_open_[end] = false;
    if (!unread_[end].empty()) {
        // A reset, of which what is under way may die.
        auto& wire = wire_[1 - end];
        while (!wire.empty() && world_.random.chance(50)) wire.pop_back();
        unread_[end].clear();
    }
    if (way == Way::said) put(1 - end, End{});
}

void Link::reset(std::size_t end) {
    is_swallowed_ = true;
    unread_[end].push_back(End{});
    ends_[end]->now_or_awake([this, end] { read(end); });
}

void Link::read(std::size_t end) {
    if (!is_open_[end] || unread_[end].empty()) return;
    Packet packet = std::move(unread_[end].front());
    unread_[end].pop_front();
    heard[end] = world_.now;
    if (!std::holds_alternative<End>(packet)) return ends_[end]->on_packet(*this, std::move(packet));
    is_open_[end] = false;
    ends_[end]->on_end(*this);
}

// --- CarriedLane ---

void CarriedLane::flush() {
    World& world = owner.world;
    if (link == nullptr || !lane.is_attached()) return;
    std::array<protocol::Bytes, 8> views;
    std::string chunk;
    while (const auto count = lane.gather(views, world.now)) {
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < count; ++i) {
            chunk += views[i];
            bytes += views[i].size();
        }
        lane.written(bytes);
    }
    if (!chunk.empty()) {
        const std::size_t cut = world.random.chance(20) ? world.random.below(chunk.size()) : 0;
        if (cut != 0) link->send(end, chunk.substr(0, cut));
        link->send(end, chunk.substr(cut));
    }
    const auto deadline = lane.ack_deadline();
    if (!deadline || *deadline >= flush_at) return;
    flush_at = *deadline;
    owner.after(*deadline - world.now, [this, when = *deadline] {
        if (flush_at != when) return;  // an earlier one came in between
        flush_at = TimePoint::max();
        flush();
    });
}

}  // namespace trunkline::model
