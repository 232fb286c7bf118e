#include "tests/unit/model/proxy.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "tests/unit/model/app_server.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::model {

using protocol::AttachStatus;
using protocol::ByeCode;
using protocol::Bytes;
using protocol::Handled;
using proxy::PoolLife;

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kHandshake{5};
constexpr std::chrono::seconds kConnect{2};
constexpr std::chrono::seconds kSilence{15};
constexpr milliseconds kTick{500};

PoolLife::Times times(const World& world) {
    return {milliseconds(30'000), milliseconds(25'000), milliseconds(5'000),
            world.setting.is_direct || world.rules.trusts_middlebox};
}

}  // namespace

Proxy::Pool::Pool(Proxy& proxy, const std::string& its_address)
    : address(its_address), life(proxy.world.setting.lanes, times(proxy.world)) {
    const auto number = proxy.world.next_number();
    std::memcpy(id.bytes.data(), &number, sizeof number);
    protocol::LaneSettings settings;
    settings.window_bytes = 1 << 20;
    settings.ring_bytes = 4 * proxy.world.setting.window_bytes;
    for (unsigned i = 0; i < proxy.world.setting.lanes; ++i) {
        lanes.push_back(std::make_unique<Slot>(proxy, *this, i, settings));
    }
}

Proxy::Proxy(World& its_world, std::size_t clients) : Process(its_world) {
    for (const auto& address : kAddresses) start_pool(address);
    for (std::size_t i = 0; i < clients; ++i) {
        Client& client = clients_.emplace_back();
        client.id = world.next_number();
        client.key = static_cast<std::uint8_t>(client.id);
        after(seconds(world.random.uniform(1, 8)), [this, &client] { client_thinks(client); });
    }
    after(kTick, [this] { tick(); });
}

// --- Links come and go ---

void Proxy::start_pool(const std::string& address) {
    Pool& pool = *pools_.emplace_back(std::make_unique<Pool>(*this, address));
    current_[address] = &pool;
    for (const auto& slot : pool.lanes) dial(*slot);
}

void Proxy::dial(Slot& slot) {
    const auto result = world.dial(*this, slot.pool.address, slot.index);
    const auto takes = result == World::Dialled::no_answer ? Duration(kConnect) : world.packet_delay();
    after(takes, [this, &slot, result] { on_dialled(slot, result); });
}

void Proxy::dial_later(Slot& slot) {
    const double wait = std::min(1., .1 * std::exp2(slot.failures++));
    after(seconds(wait * world.random.uniform(.5, 1)), [this, &slot] {
        if (slot.pool.state != Pool::State::ended && !slot.pool.is_superseded) dial(slot);
    });
}

void Proxy::on_dialled(Slot& slot, World::Dialled result) {
    Pool& pool = slot.pool;
    if (pool.state == Pool::State::ended || pool.is_superseded) return;
    if (result != World::Dialled::accepted) {
        if (pool.state == Pool::State::dialling) return fail(pool, ByeCode::link_lost, "not connected");
        if (result == World::Dialled::refused) pool.life.on_refused(world.now);
        return dial_later(slot);
    }
    pool.life.on_accepted();
    AppServer& app = *world.listening[pool.address];
    Link& link = *world.links.emplace_back(std::make_unique<Link>(world, *this, app, slot.index));
    slots_[&link] = &slot;
    slot.link = &link;
    world.after(link.lag, [&app, &link] { app.now_or_awake([&app, &link] { app.accept(link); }); });
}

void Proxy::on_packet(Link& link, Packet&& packet) {
    Slot& slot = *slots_.at(&link);
    if (slot.link != &link && world.rules.proxy_closes_older) return;
    if (const auto* const hello = std::get_if<AppHello>(&packet)) return on_hello(link, slot, *hello);
    if (const auto* const answer = std::get_if<protocol::Attached>(&packet)) return on_attached(link, slot, *answer);
    if (const auto* const chunk = std::get_if<std::string>(&packet)) on_chunk(slot, *chunk);
}

void Proxy::on_end(Link& link) {
    Slot& slot = *slots_.at(&link);
    if (slot.link != &link) return;
    if (link.is_attached[kProxy]) return on_lost(slot, true);
    on_attach_failed(link, slot, AttachStatus::refused);
}

void Proxy::on_hello(Link& link, Slot& slot, const AppHello& hello) {
    Pool& pool = slot.pool;
    if (pool.state == Pool::State::ended) return;
    if (pool.app_epoch && *pool.app_epoch != hello.epoch) {
        pool.saw_new_epoch = true;
        return on_attach_failed(link, slot, AttachStatus::refused);
    }
    pool.app_epoch = hello.epoch;
    protocol::Attach attach;
    attach.pool = pool.id;
    attach.lane = slot.index;
    attach.lanes = static_cast<std::uint32_t>(pool.lanes.size());
    attach.attempt = slot.attempts++;
    attach.received = slot.lane.received();
    attach.limit = slot.lane.limit();
    link.send(kProxy, ProxyAttach{kId, epoch, attach});
}

void Proxy::on_attached(Link& link, Slot& slot, const protocol::Attached& answer) {
    Pool& pool = slot.pool;
    if (pool.state == Pool::State::ended) return;
    if (answer.status != AttachStatus::ok) return on_attach_failed(link, slot, answer.status);
    const auto at = world.rules.resumes_at_received ? answer.received : slot.lane.appended();
    require(slot.lane.attach(at, answer.limit, world.now).has_value(), "P3 the app server resumes where it cannot");
    link.is_attached[kProxy] = true;
    slot.failures = 0;
    pool.life.on_attached(slot.index);
    slot.flush();
    if (pool.state == Pool::State::up) return place();
    for (const auto& other : pool.lanes) {
        if (!other->lane.is_attached()) return;
    }
    pool.state = Pool::State::up;
    pool.up_since = world.now;
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        Pool& older = *pools_[i];
        if (&older == &pool || older.app_epoch != pool.app_epoch || older.is_gone_told) continue;
        older.life.on_app_ended("the app server has a newer pool");
        look(older);
    }
    place();
}

void Proxy::on_attach_failed(Link& link, Slot& slot, AttachStatus status) {
    Pool& pool = slot.pool;
    link.close(kProxy);
    slot.link = nullptr;
    if (pool.state == Pool::State::ended) return;
    if (pool.state == Pool::State::dialling) return fail(pool, ByeCode::link_lost, "not attached");
    if (status == AttachStatus::unknown_pool || status == AttachStatus::bad_offset) {
        pool.life.on_app_ended("the app server has ended the pool");
        return fail(pool, ByeCode::refused, pool.life.why());
    }
    if (std::exchange(pool.saw_new_epoch, false)) {
        if (world.rules.trusts_silence && !pool.life.has_links()) pool.life.on_app_ended("a new epoch");
        pool.life.on_new_epoch();
        look(pool);
        if (pool.state == Pool::State::ended) return;
        if (!pool.life.has_links() && !std::exchange(pool.is_superseded, true)) return start_pool(pool.address);
    }
    if (!pool.is_superseded) dial_later(slot);
}

void Proxy::on_lost(Slot& slot, bool by_peer) {
    Pool& pool = slot.pool;
    if (by_peer || world.rules.proxy_closes_older) slot.link->close(kProxy);
    slot.link = nullptr;
    slot.lane.detach();
    if (pool.state == Pool::State::ended) return;
    if (pool.state == Pool::State::dialling) return fail(pool, ByeCode::link_lost, "lost before it was up");
    world.log("lane", slot.index, "of", pool.address, by_peer ? "was closed" : "fell silent");
    pool.life.on_lost(slot.index, by_peer);
    if (!world.rules.keeps_at_link_loss) pool.life.on_app_ended("a link was lost");
    if (!pool.is_superseded) dial_later(slot);
    look(pool);
}

void Proxy::lose_links(const AppServer& app) {
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        for (const auto& slot : pools_[i]->lanes) {
            if (slot->link == nullptr || !slot->lane.is_attached() || &slot->link->app != &app) continue;
            on_lost(*slot, false);
        }
    }
}

// --- What links bring ---

void Proxy::on_chunk(Slot& slot, Bytes chunk) {
    Sink sink{*this, slot};
    Pool& pool = slot.pool;
    const auto taken = slot.lane.receive(chunk, world.now, sink);
    require(taken.has_value(), "P4 a proxy got what is no frame, or none that may come now");
    slot.flush();
    if (!pool.bye) return;
    const bool is_stopping = *pool.bye == ByeCode::stopping;
    pool.life.on_app_ended("the app server said Bye");
    if (pool.state == Pool::State::ended) return tell_gone(pool);
    if (is_stopping) {
        for (const auto& [chan, entry] : pool.chans) {
            require(entry.client->has_left, "P3 a drained app server had connections left");
        }
    }
    fail(pool, *pool.bye, pool.life.why(), !is_stopping);
}

protocol::Result<Handled> Proxy::Sink::on_sequenced(Bytes body) {
    if (slot.pool.state == Pool::State::ended) return Handled::done;
    TRUNKLINE_CHECK(protocol::decode(body, *this));
    return Handled::done;
}

protocol::Result<void> Proxy::Sink::on_unsequenced(std::uint32_t type, Bytes body) {
    if (type != protocol::Bye::kType) return protocol::success();
    return protocol::decode(body, *this);
}

void Proxy::Sink::on(const protocol::Data& data) {
    std::uint64_t answer = 0;
    const char* const end = data.payload.data() + data.payload.size();
    const auto rest = std::from_chars(data.payload.data(), end, answer).ptr;
    proxy.world.ledger.deliver(answer);
    const auto found = slot.pool.chans.find(static_cast<std::uint64_t>(data.chan));
    if (found == slot.pool.chans.end()) return;  // late
    std::uint64_t message = 0;
    std::from_chars(rest + 1, end, message);
    found->second.client->answered.insert(message);
}

void Proxy::Sink::on(const protocol::Detached& detached) {
    const auto found = slot.pool.chans.find(static_cast<std::uint64_t>(detached.chan));
    require(found != slot.pool.chans.end(), "P1 detached, and was not open");
    Client& client = *found->second.client;
    slot.pool.chans.erase(found);
    if (client.has_left) return;
    auto held = std::make_unique<Held>();
    held->client = &client;
    held->since = proxy.world.now;
    proxy.held_.push_back(std::move(held));
    proxy.place();
}

void Proxy::Sink::on(const protocol::Drain&) { proxy.drain(slot.pool); }

void Proxy::Sink::on(const protocol::Bye& bye) {
    if (!slot.pool.bye) slot.pool.bye = bye.code;
}

void Proxy::drain(Pool& pool) {
    if (std::exchange(pool.is_draining, true)) return;
    for (auto& [chan, entry] : pool.chans) {
        if (entry.client->has_left) continue;
        entry.is_moving = true;
        home(pool, *entry.client).send(protocol::Detach{protocol::Chan{chan}});
    }
    for (const auto& slot : pool.lanes) slot->send(protocol::Drain{1});
}

// --- The end of a pool ---

void Proxy::look(Pool& pool) {
    auto heard = TimePoint::max();
    for (const auto& slot : pool.lanes) heard = std::min(heard, slot->lane.heard());
    const auto state = pool.life.look(world.now, heard);
    if (pool.state == Pool::State::up && state != PoolLife::State::live) {
        fail(pool, ByeCode::link_lost, pool.life.why());
    } else if (pool.state == Pool::State::ended && state == PoolLife::State::gone) {
        tell_gone(pool);
    }
}

void Proxy::fail(Pool& pool, ByeCode code, const std::string& why, bool is_lost) {
    const bool is_up = pool.state == Pool::State::up;
    const bool are_kept = world.setting.hold > 0 || world.setting.reassigns;
    end(pool, code, why, is_up && is_lost && are_kept ? Clients::hold : Clients::close);
    if (is_up) ++world.pool_ends[why];
    if (current_[pool.address] == &pool) {
        current_[pool.address] = nullptr;
        // At once after one that had lived; not after one that keeps failing just after it came up.
        unsigned& failures = failures_[pool.address];
        const bool had_lived = is_up && world.now - pool.up_since >= std::chrono::seconds(1);
        if (had_lived) failures = 0;
        const double wait = had_lived ? 0 : std::min(1., .1 * std::exp2(failures++));
        after(seconds(wait * world.random.uniform(.5, 1)), [this, &address = pool.address] { start_pool(address); });
    }
    if (pool.life.state() == PoolLife::State::gone) tell_gone(pool);
}

void Proxy::end(Pool& pool, ByeCode code, const std::string& why, Clients clients) {
    if (pool.state == Pool::State::ended) return;
    world.log("pool of", pool.address, "ends:", why);
    pool.state = Pool::State::ended;
    if (clients == Clients::hold && world.rules.waits_for_release) {
        pool.life.end(why);
    } else {
        pool.life.on_app_ended(why);
    }
    protocol::Buffer bye;
    protocol::append(bye, protocol::Bye{code, why});
    for (const auto& slot : pool.lanes) {
        if (slot->link == nullptr || !slot->lane.is_attached()) continue;
        slot->lane.close(bye);
        slot->flush();
    }
    for (auto& [chan, entry] : pool.chans) {
        Client& client = *entry.client;
        const bool is_done = client.has_left && home(pool, client).lane.peer_handled() >= entry.close_end;
        if (is_done || (client.has_left && !world.rules.keeps_departed)) continue;
        if (clients == Clients::hold) {
            hold(pool, client, pool.address);
        } else {
            client.closed = "its app server was lost";
        }
    }
}

void Proxy::tell_gone(Pool& pool) {
    if (std::exchange(pool.is_gone_told, true)) return;
    world.log("pool of", pool.address, "is gone");
    for (const auto& slot : pool.lanes) {
        if (slot->link == nullptr) continue;
        slot->lane.detach();
        std::exchange(slot->link, nullptr)->close(kProxy);
    }
    hand_on(pool);
}

void Proxy::find_bad_frame() {
    now_or_awake([this] {
        for (const auto& pool : pools_) {
            if (pool->state == Pool::State::up) return fail(*pool, ByeCode::bad_frame, "a bad frame");
        }
    });
}

void Proxy::tick() {
    after(kTick, [this] { tick(); });
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        Pool& pool = *pools_[i];
        if (pool.is_gone_told) continue;
        for (const auto& slot : pool.lanes) {
            Link* const link = slot->link;
            if (link == nullptr) continue;
            if (link->is_attached[kProxy]) {
                if (world.now - link->heard[kProxy] >= kSilence) on_lost(*slot, false);
            } else if (world.now - link->begun[kProxy] >= kHandshake) {
                on_attach_failed(*link, *slot, AttachStatus::refused);
            }
        }
        if (pool.state != Pool::State::dialling) look(pool);
    }
    place();
}

}  // namespace trunkline::model
