#include "tests/unit/model/app_server.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "tests/unit/model/proxy.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::model {

using protocol::AttachStatus;
using protocol::ByeCode;
using protocol::Bytes;
using protocol::Handled;

namespace {

constexpr std::chrono::seconds kHandshake{5};
constexpr std::chrono::seconds kSilence{15};
constexpr std::chrono::seconds kGoneAfter{5};
constexpr std::chrono::seconds kProbe{2};
constexpr std::chrono::milliseconds kTick{500};

std::uint64_t number_in(Bytes text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

}  // namespace

AppServer::Pool::Pool(AppServer& app, const ProxyAttach& from)
    : id(from.attach.pool),
      proxy_id(from.id),
      proxy_epoch(from.epoch),
      life(from.attach.lanes,
           std::chrono::duration_cast<std::chrono::milliseconds>(seconds(app.world.rules.app_window)), kGoneAfter) {
    protocol::LaneSettings settings;
    settings.window_bytes = app.world.setting.window_bytes;
    for (unsigned i = 0; i < from.attach.lanes; ++i) lanes.push_back(std::make_unique<Slot>(app, *this, i, settings));
}

AppServer::AppServer(World& its_world, std::string its_name) : Process(its_world), name(std::move(its_name)) {
    after(kTick, [this] { tick(); });
}

void AppServer::kill(Death death) {
    if (!is_alive) return;
    world.log(name, epoch, "dies");
    died_with_host = death == Death::host;
    Process::kill(death);
    world.ledger.forget(epoch);
}

// --- Links come and go ---

void AppServer::accept(Link& link) {
    link.begun[kApp] = world.now;
    greeting_.push_back(&link);
    link.send(kApp, AppHello{name, epoch});
}

void AppServer::on_packet(Link& link, Packet&& packet) {
    if (auto* const attach = std::get_if<ProxyAttach>(&packet)) return on_attach(link, *attach);
    const auto found = slots_.find(&link);
    if (found == slots_.end()) return;
    Slot& slot = *found->second;
    if (slot.pool.has_ended || (slot.link != &link && world.rules.app_closes_older)) return;
    if (const auto* const chunk = std::get_if<std::string>(&packet)) on_chunk(slot, *chunk);
}

void AppServer::on_end(Link& link) {
    std::erase(greeting_, &link);
    const auto found = slots_.find(&link);
    if (found != slots_.end() && found->second->link == &link) on_lost(*found->second, true);
}

AppServer::Pool* AppServer::find(const protocol::PoolId& id) {
    for (const auto& pool : pools_) {
        if (!pool->has_ended && pool->id == id) return pool.get();
    }
    return nullptr;
}

void AppServer::on_attach(Link& link, const ProxyAttach& from) {
    const auto& attach = from.attach;
    const auto answer_no = [&](AttachStatus status) {
        link.send(kApp, protocol::Attached{status, 0, 0, {}});
        link.close(kApp);
    };
    std::erase(greeting_, &link);
    const auto& rules = world.rules;
    if (rules.remembers_ended && ended_.count(attach.pool) != 0) return answer_no(AttachStatus::unknown_pool);
    Pool* pool = find(attach.pool);
    if (pool != nullptr && rules.check != Rules::Check::never && !holds_lease(*pool)) {
        return answer_no(AttachStatus::unknown_pool);
    }
    look_for_older_epochs(from);
    if (pool == nullptr) {
        if (attach.attempt != 0 && rules.remembers_ended) return answer_no(AttachStatus::unknown_pool);
        if (is_leaving_) return answer_no(AttachStatus::refused);
        for (std::size_t i = 0; i < pools_.size(); ++i) {
            Pool& older = *pools_[i];
            if (older.has_ended || older.proxy_epoch != from.epoch || !rules.ends_older_pool) continue;
            end(older, ByeCode::link_lost, "a newer pool");
        }
        pool = pools_.emplace_back(std::make_unique<Pool>(*this, from)).get();
    }
    Slot& slot = *pool->lanes[attach.lane];
    if (rules.checks_attempt && slot.attempt && attach.attempt <= *slot.attempt)
        return answer_no(AttachStatus::refused);
    slot.attempt = attach.attempt;
    if (slot.link != nullptr && rules.app_closes_older) {
        slot.link->close(kApp);
        slot.lane.detach();
    }
    require(slot.lane.can_attach(attach.received), "P3 the proxy resumes where it cannot");
    link.is_attached[kApp] = true;
    slots_[&link] = &slot;
    slot.link = &link;
    const bool is_whole =
        std::all_of(pool->lanes.begin(), pool->lanes.end(), [](const auto& l) { return l->link != nullptr; });
    if (is_whole) world.spring_trap(link.proxy, *this);
    link.send(kApp, protocol::Attached{AttachStatus::ok, slot.lane.received(), slot.lane.limit(), {}});
    static_cast<void>(slot.lane.attach(attach.received, attach.limit, world.now));
    on_attached(slot);
}

void AppServer::look_for_older_epochs(const ProxyAttach& newer) {
    const auto asked = std::chrono::floor<std::chrono::milliseconds>(world.now);
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        Pool& older = *pools_[i];
        if (older.has_ended || older.proxy_id != newer.id || older.proxy_epoch == newer.epoch) continue;
        expect_end_of_dead(older);
        if (world.rules.probe == Rules::Probe::never) continue;
        if (world.rules.probe == Rules::Probe::buries) {
            end(older, ByeCode::link_lost, "buried");
            continue;
        }
        for (const auto& slot : older.lanes) {
            slot->lane.probe();
            slot->flush();
        }
        after(kProbe, [this, &older, asked, exactly = world.now] {
            const bool is_heard = std::any_of(older.lanes.begin(), older.lanes.end(), [&](const auto& slot) {
                return world.rules.answer == Rules::Answer::stamp ? slot->lane.answered() >= asked
                                                                  : slot->heard > exactly;
            });
            if (!is_heard) end(older, ByeCode::link_lost, "silent epoch");
        });
    }
}

/// What a dead proxy left behind is gone soon after it is back under its id.
void AppServer::expect_end_of_dead(const Pool& pool) {
    for (const auto& proxy : world.proxies) {
        if (proxy->epoch == pool.proxy_epoch && proxy->is_alive) return;
    }
    world.after(kProbe + std::chrono::seconds(1), [this, &pool, until = stopped_until()] {
        require(!is_alive || stopped_until() != until || pool.has_ended,
                "P1 the connections of a dead proxy stay open");
    });
}

void AppServer::on_attached(Slot& slot) {
    Pool& pool = slot.pool;
    slot.heard = world.now;
    slot.lost_at.reset();
    pool.life.on_attached(slot.index);
    slot.flush();
    if (pool.is_up) {
        renew(pool);
        return work_on(slot);
    }
    for (const auto& other : pool.lanes) {
        if (!other->lane.is_attached()) return;
    }
    pool.is_up = true;
    renew(pool);
}

void AppServer::on_lost(Slot& slot, bool by_peer) {
    Pool& pool = slot.pool;
    slot.link = nullptr;
    slot.lane.detach();
    slot.lost_at = world.now;
    if (pool.has_ended) return;
    if (!pool.is_up) return end(pool, ByeCode::link_lost, "lost before it was up");
    pool.life.on_lost(slot.index, by_peer, world.now);
}

void AppServer::lose_links(const Proxy& proxy) {
    for (const auto& pool : pools_) {
        for (const auto& slot : pool->lanes) {
            if (slot->link == nullptr || &slot->link->proxy != &proxy) continue;
            slot->link->close(kApp);
            on_lost(*slot, false);
        }
    }
}

// --- The lease ---

void AppServer::renew(Pool& pool) {
    auto from = TimePoint::max();
    auto newest = TimePoint::min();
    for (const auto& slot : pool.lanes) {
        switch (world.rules.lease) {
            case Rules::Lease::answered: from = std::min(from, slot->lane.answered()); break;
            case Rules::Lease::heard: from = std::min(from, slot->heard); break;
            case Rules::Lease::lost: from = std::min(from, slot->lost_at.value_or(world.now)); break;
            case Rules::Lease::any_lane: newest = std::max(newest, slot->lane.answered()); break;
        }
    }
    pool.life.renew(world.rules.lease == Rules::Lease::any_lane ? newest : from);
}

bool AppServer::holds_lease(Pool& pool) {
    if (pool.has_ended) return false;
    if (world.rules.lease == Rules::Lease::lost && pool.is_up) renew(pool);
    if (!pool.life.is_over(world.now)) return true;
    end(pool, ByeCode::link_lost, "the lease is over");
    return false;
}

// --- What links bring ---

void AppServer::on_chunk(Slot& slot, Bytes chunk) {
    Pool& pool = slot.pool;
    if (world.rules.check == Rules::Check::reading && !holds_lease(pool)) return;
    Sink sink{*this, slot};
    const auto taken = slot.lane.receive(chunk, world.now, sink);
    if (!is_alive || pool.has_ended) return;
    require(taken.has_value(), "P3 an app server got what is no frame, or none that may come now");
    slot.heard = world.now;
    renew(pool);
    work_on(slot);
    slot.flush();
}

protocol::Result<Handled> AppServer::Sink::on_sequenced(Bytes body) {
    if (slot.pool.has_ended) return Handled::done;
    if (!app.world.rules.acks_handled && !std::exchange(slot.is_done_working, false)) {
        slot.parked.emplace_back(body);
        return Handled::done;
    }
    if (app.world.rules.acks_handled && !std::exchange(slot.is_done_working, false)) return Handled::later;
    if (app.world.rules.check == Rules::Check::every_callback && !app.holds_lease(slot.pool)) return Handled::done;
    TRUNKLINE_CHECK(protocol::decode(body, *this));
    return Handled::done;
}

protocol::Result<void> AppServer::Sink::on_unsequenced(std::uint32_t type, Bytes body) {
    if (slot.pool.has_ended || type != protocol::Bye::kType) return protocol::success();
    return protocol::decode(body, *this);
}

/// A callback takes its time; meanwhile the frame that it is for waits in the lane.
void AppServer::work_on(Slot& slot) {
    if (slot.is_working || (slot.parked.empty() && !slot.lane.has_waiting())) return;
    slot.is_working = true;
    const auto held_up = std::max(slot.held_up_until - world.now, Duration::zero());
    after(held_up + seconds(world.random.exponential(world.setting.work)), [this, &slot] { work_done(slot); });
}

void AppServer::work_done(Slot& slot) {
    slot.is_working = false;
    if (slot.pool.has_ended || (world.rules.freezes && !slot.lane.is_attached())) return;
    slot.is_done_working = true;
    Sink sink{*this, slot};
    if (!slot.parked.empty()) {
        const std::string body = std::move(slot.parked.front());
        slot.parked.pop_front();
        static_cast<void>(sink.on_sequenced(body));
    } else {
        require(slot.lane.resume(world.now, sink).has_value(), "P3 a frame that had waited is none");
    }
    if (!is_alive || slot.pool.has_ended) return;
    work_on(slot);
    slot.flush();
}

void AppServer::hold_up(Duration how_long) {
    for (const auto& pool : pools_) {
        pool->lanes.front()->held_up_until = pool->lanes.back()->held_up_until = world.now + how_long;
    }
}

void AppServer::Sink::on(const protocol::Open& open) {
    const auto connection = number_in(open.connection_id);
    slot.pool.connections[static_cast<std::uint64_t>(open.chan)] = {connection, open.attachment, slot.index};
    app.world.log(app.name, app.epoch, "opens", connection, "attachment", open.attachment);
    app.world.ledger.open(app.epoch, connection, open.attachment);
}

void AppServer::Sink::on(const protocol::Data& data) {
    const auto found = slot.pool.connections.find(static_cast<std::uint64_t>(data.chan));
    require(found != slot.pool.connections.end(), "P1 a message outside of open and close");
    const auto connection = found->second.connection;
    const auto message = number_in(data.payload);
    World& world = app.world;
    if (world.poison.count(message) != 0) {
        world.ledger.kill(connection, message);
        return app.kill(Death::process);
    }
    world.log(app.name, app.epoch, "handles", connection, message, data.redelivered ? "again" : "");
    world.ledger.handle(app.epoch, connection, message, data.redelivered);
    const auto answer = std::to_string(world.ledger.next_answer()) + " " + std::to_string(message);
    slot.send(protocol::Data{data.chan, protocol::PayloadKind::text, answer, false});
}

void AppServer::Sink::on(const protocol::Close& close) { app.leave(slot.pool, static_cast<std::uint64_t>(close.chan)); }

void AppServer::Sink::on(const protocol::Detach& detach) {
    app.leave(slot.pool, static_cast<std::uint64_t>(detach.chan));
    slot.send(protocol::Detached{detach.chan});
}

void AppServer::Sink::on(const protocol::Drain& drain) {
    if (drain.mode == 1) slot.has_answered_drain = true;
}

void AppServer::Sink::on(const protocol::Bye&) { app.end(slot.pool, ByeCode::stopping, "the proxy ended it"); }

// --- The end ---

void AppServer::leave(Pool& pool, std::uint64_t chan) {
    const auto found = pool.connections.find(chan);
    require(found != pool.connections.end(), "P1 closed, and was not open");
    world.ledger.close(epoch, found->second.connection);
    pool.connections.erase(found);
}

void AppServer::end(Pool& pool, ByeCode code, const char* why) {
    if (pool.has_ended) return;
    world.log(name, epoch, "ends a pool:", why);
    // A mutant ends only what has no link, if anything has none.
    const bool is_split = !world.rules.ends_whole &&
                          std::any_of(pool.lanes.begin(), pool.lanes.end(), [](const auto& l) { return !l->link; }) &&
                          std::any_of(pool.lanes.begin(), pool.lanes.end(), [](const auto& l) { return l->link; });
    pool.has_ended = !is_split;
    protocol::Buffer bye;
    protocol::append(bye, protocol::Bye{code, why});
    for (const auto& slot : pool.lanes) {
        Link* const link = is_split ? nullptr : std::exchange(slot->link, nullptr);
        if (link == nullptr) continue;
        if (slot->lane.is_attached()) slot->lane.close(bye);
        slot->link = link;
        slot->flush();
        slot->link = nullptr;
        slot->lane.detach();
        link->close(kApp);
    }
    std::vector<std::uint64_t> leaving;
    for (const auto& [chan, attachment] : pool.connections) {
        if (!is_split || pool.lanes[attachment.lane]->link == nullptr) leaving.push_back(chan);
    }
    for (const auto chan : leaving) leave(pool, chan);
    if (pool.has_ended) ended_.insert(pool.id);
}

void AppServer::drain() {
    if (is_leaving_) return;
    is_leaving_ = true;
    world.log(name, epoch, "drains");
    for (const auto& pool : pools_) {
        if (pool->has_ended) continue;
        if (!pool->is_up) {
            end(*pool, ByeCode::stopping, "drained");
        } else {
            for (const auto& slot : pool->lanes) slot->send(protocol::Drain{0});
        }
    }
}

bool AppServer::is_drained(const Pool& pool) const {
    return pool.connections.empty() && std::all_of(pool.lanes.begin(), pool.lanes.end(), [this](const auto& slot) {
               return slot->lane.held_bytes() == 0 && (slot->has_answered_drain || !world.rules.waits_for_answer);
           });
}

void AppServer::tick() {
    after(kTick, [this] { tick(); });
    for (std::size_t i = greeting_.size(); i-- > 0;) {
        if (world.now - greeting_[i]->begun[kApp] < kHandshake) continue;
        greeting_[i]->close(kApp);
        greeting_.erase(greeting_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    bool is_any = false;
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        Pool& pool = *pools_[i];
        if (pool.has_ended) continue;
        for (const auto& slot : pool.lanes) {
            if (slot->link == nullptr || world.now - slot->link->heard[kApp] < kSilence) continue;
            slot->link->close(kApp);
            on_lost(*slot, false);
            if (pool.has_ended) break;
        }
        if (!holds_lease(pool)) continue;
        if (pool.life.is_abandoned(world.now)) {
            end(pool, ByeCode::link_lost, "the proxy closed all links");
        } else if (is_leaving_ && is_drained(pool)) {
            end(pool, ByeCode::stopping, "drained");
        }
        is_any = is_any || !pool.has_ended;
    }
    if (is_leaving_ && !is_any) kill(Death::process);
}

}  // namespace trunkline::model
