// Random schedules of one proxy and two app servers over real lanes (SPEC.md "Offsets", "Limits", "Order"): partial
// writes, chunks cut anywhere, acks by simulated time, handlers that block on a full ring, fan-outs on every lane, home
// lanes, clients that leave, control frames in the reserve, and links that are cut and come back. A ledger of what was
// sent must match what took effect, in order. Each mutant leaves one rule out.
#pragma once

#include <vector>

#include "tests/unit/protocol/lane_model_wires.hpp"

namespace trunkline::protocol::model {

enum class Mutant {
    none,
    fan_out_once_per_pool,     // one lane carries it, for all connections
    stop_reading,              // back-pressure by not reading the link
    lane_per_message,          // round-robin instead of the home lane
    handled_means_received,    // acknowledges what no handler has seen
    resume_from_acknowledged,  // re-attaches at handled instead of received
    close_elsewhere,           // a close takes the lane that has room, not the home lane
    control_without_bound,     // control frames are appended whatever the reserve says
};

// --- A schedule ---

struct Schedule {
    std::uint64_t seed = 0;
    Mutant mutant = Mutant::none;
    bool has_cuts = false;
};

class Model {
  public:
    explicit Model(const Schedule& schedule) : random_(schedule.seed), schedule_(schedule) {
        settings_.window_bytes = random_.pick<std::uint64_t>({40, 200, 1000});
        settings_.ring_bytes = random_.pick<std::uint64_t>({60, 300, 2000});
        settings_.reserve_bytes = random_.pick<std::uint64_t>({20, 60, 400});
        settings_.max_frame_bytes = kLargestFrame;
        settings_.ack_delay = std::chrono::milliseconds(random_.pick({0, 5, 50}));
        largest_ = random_.pick<std::size_t>({30, 60, 150, 300});
        const std::size_t lanes = random_.between(1, 4);
        for (auto& pool : pools_) {
            for (std::size_t i = 0; i < lanes; ++i) pool.lanes.emplace_back(settings_);
            for (auto& pair : pool.lanes) attach(pair);
        }
        connections_.resize(random_.between(1, 5));
        for (auto& connection : connections_) {
            connection.key = random_.below(256);
            connection.owner = random_.below(2);
        }
        todo_ = random_.between(20, 80);
    }

    // Runs to the end: everything sent, handled and acknowledged. Throws the first Violation.
    void run() {
        for (int step = 0; !is_finished(); ++step) {
            if (const auto done = progress(); done != last_progress_) {
                last_progress_ = done;
                last_step_ = step;
            }
            require(step < last_step_ + 1000, "no progress: deadlock");
            now_ += std::chrono::milliseconds(random_.below(15));
            for (std::size_t a = 0; a < pools_.size(); ++a) {
                for (auto& pair : pools_[a].lanes) turn(a, pair);
            }
            for (std::size_t i = 0; i < connections_.size(); ++i) {
                if (connections_[i].is_untold) tell_closed(i);
            }
            if (todo_ > 0 && random_.chance(50)) act();
        }
        for (const auto& connection : connections_) {
            for (std::size_t a = 0; a < pools_.size(); ++a) {
                const auto& seen = connection.seen[a];
                auto expected = connection.expected[a];
                if (connection.has_left && seen.size() < expected.size()) expected.resize(seen.size());
                require(seen == expected, "a client missed something, or saw it out of order");
            }
            for (std::size_t i = 0; i < connection.handled.size(); ++i) {
                require(connection.handled[i] == i + 1, "an app missed something, or handled it out of order");
            }
            require(connection.handled.size() == connection.sent, "an app missed the end");
            require(connection.is_closed == connection.has_left, "an app was not told that a client has left");
        }
    }

  private:
    // Changes with every action, every frame that takes effect and every one that is acknowledged.
    std::uint64_t progress() {
        std::uint64_t sum = todo_;
        for (auto& pool : pools_) {
            for (auto& pair : pool.lanes) {
                for (const auto& end : pair.ends) sum += 1000 * (end.done + end.lane.peer_handled());
            }
        }
        return sum;
    }

    struct Connection {
        std::size_t key = 0;
        std::size_t owner = 0;
        bool is_member = false;   // at the proxy
        bool has_joined = false;  // in the order of the app's calls
        std::uint32_t sent = 0;   // the client's messages
        bool has_left = false;    // the client; nothing is delivered to it any more
        bool is_untold = false;   // and the lane had no room for its close
        bool is_closed = false;   // at the app
        std::vector<std::uint32_t> handled{};
        std::array<std::vector<std::uint32_t>, 2> expected{};  // from each app server, in the order of its calls
        std::array<std::vector<std::uint32_t>, 2> seen{};
    };

    // What one end of a lane does with frames; `model` decides.
    struct Handler {
        Model& model;
        std::size_t app_server;
        LanePair& pair;
        std::size_t end;

        Result<Handled> on_sequenced(Bytes body) {
            End& self = pair.ends[end];
            const Frame frame = decode_body(body);
            const std::size_t size = body.size() + (body.size() < 128 ? 1 : 2);
            if (model.schedule_.mutant == Mutant::handled_means_received) {
                self.parked.emplace_back(frame, size);
                self.parked_bytes += size;
                return Handled::done;
            }
            if (!model.take(app_server, pair, end, frame)) return Handled::later;
            self.done += size;
            return Handled::done;
        }

        Result<void> on_unsequenced(std::uint32_t, Bytes) { throw Violation{"an unsequenced frame that is no Ack"}; }
    };

    static std::size_t other(std::size_t end) { return 1 - end; }

    LanePair& home(std::size_t app_server, const Connection& connection) {
        auto& pool = pools_[app_server];
        if (schedule_.mutant == Mutant::lane_per_message) return pool.lanes[pool.next_lane++ % pool.lanes.size()];
        return pool.lanes[connection.key % pool.lanes.size()];
    }

    std::string frame(Kind kind, std::uint32_t number, std::size_t connection) {
        return encode({kind, number, static_cast<std::uint32_t>(connection)}, random_.between(kLeastFrame, largest_));
    }

    std::string small_frame(Kind kind, std::size_t connection) {
        return encode({kind, 1, static_cast<std::uint32_t>(connection)}, random_.between(kLeastFrame, kLeastFrame + 6));
    }

    void send(End& end, const std::string& bytes) {
        const std::size_t cut = random_.below(bytes.size() + 1);
        end.lane.append_data(Bytes(bytes).substr(0, cut), Bytes(bytes).substr(cut));
    }

    // A frame that does not wait for the ring. False: not even the reserve takes it.
    bool send_control(End& end, const std::string& bytes) {
        if (!end.lane.has_reserve(bytes.size()) && schedule_.mutant != Mutant::control_without_bound) return false;
        end.lane.append(bytes);
        return true;
    }

    void attach(LanePair& pair) {
        const auto received = [this](const End& end) {
            return schedule_.mutant == Mutant::resume_from_acknowledged ? end.lane.handled() : end.lane.received();
        };
        const std::array<std::uint64_t, 2> at{received(pair.proxy()), received(pair.app())};
        const std::array<std::uint64_t, 2> limit{pair.proxy().lane.limit(), pair.app().lane.limit()};
        for (const std::size_t end : {kProxy, kApp}) {
            const auto result = pair.ends[end].lane.attach(at[other(end)], limit[other(end)], now_);
            require(result.has_value(), "an attach was refused");
        }
        pair.is_up = true;
    }

    void cut(LanePair& pair) {
        for (auto& end : pair.ends) {
            end.lane.detach();
            end.wire.clear();
        }
        pair.is_up = false;
    }

    // One turn of both ends of a lane.
    void turn(std::size_t app_server, LanePair& pair) {
        if (!pair.is_up) {
            if (random_.chance(30)) attach(pair);
        } else if (schedule_.has_cuts && todo_ > 0 && random_.chance(2)) {
            cut(pair);
        } else {
            for (const std::size_t end : {kProxy, kApp}) {
                write(pair.ends[end]);
                read(app_server, pair, end);
            }
        }
        for (const std::size_t end : {kProxy, kApp}) {
            if (random_.chance(60)) resume(app_server, pair, end);
            check(pair, end);
        }
    }

    // The socket takes any part of what is offered, or nothing.
    void write(End& end) {
        if (random_.chance(20)) return;
        std::array<Bytes, 4> views;
        const auto count = end.lane.gather(std::span(views).first(random_.between(1, views.size())), now_);
        std::string offered;
        for (std::size_t i = 0; i < count; ++i) offered += views[i];
        require(!offered.empty() || count == 0, "an empty view was offered");
        const std::size_t taken = random_.chance(50) ? offered.size() : random_.below(offered.size() + 1);
        end.wire += offered.substr(0, taken);
        end.lane.written(taken);
    }

    void read(std::size_t app_server, LanePair& pair, std::size_t end) {
        End& self = pair.ends[end];
        std::string& wire = pair.ends[other(end)].wire;
        if (wire.empty() || random_.chance(20)) return;
        if (schedule_.mutant == Mutant::stop_reading && self.lane.has_waiting()) return;
        std::string chunk = wire.substr(0, random_.chance(30) ? wire.size() : random_.between(1, wire.size()));
        wire.erase(0, chunk.size());
        Handler handler{*this, app_server, pair, end};
        const auto result = self.lane.receive(chunk, now_, handler);
        if (!result) throw Violation{"receive: " + result.error().message()};
        chunk.assign(chunk.size(), '\xdd');  // nothing may still look at it
    }

    void resume(std::size_t app_server, LanePair& pair, std::size_t end) {
        End& self = pair.ends[end];
        Handler handler{*this, app_server, pair, end};
        require(self.lane.resume(now_, handler).has_value(), "resume failed");
        while (!self.parked.empty() && take(app_server, pair, end, self.parked.front().first)) {
            self.done += self.parked.front().second;
            self.parked_bytes -= self.parked.front().second;
            self.parked.pop_front();
        }
    }

    // What must hold at each moment, whatever the schedule.
    void check(const LanePair& pair, std::size_t end) const {
        const End& from = pair.ends[end];
        const End& to = pair.ends[other(end)];
        require(from.lane.peer_handled() <= to.done, "acknowledged before its effect was done");
        require(to.lane.handled() <= to.lane.received(), "handled more than received");
        require(to.lane.received() <= from.lane.peer_handled() + from.lane.held_bytes(), "received more than was sent");
        require(to.lane.received() - to.done < settings_.window_bytes + kLargestFrame,
                "more waits than the window allows");
        require(from.lane.held_bytes() < settings_.ring_bytes + largest_ + 2 + settings_.reserve_bytes,
                "the ring outgrew its bound");
    }

    // The effect of one frame. False: not now.
    bool take(std::size_t app_server, LanePair& pair, std::size_t end, const Frame& frame) {
        if (random_.chance(20)) return false;  // busy
        return end == kProxy ? take_at_proxy(app_server, pair, frame) : take_at_app(app_server, frame);
    }

    bool take_at_proxy(std::size_t app_server, const LanePair& pair, const Frame& frame) {
        if (frame.kind == Kind::fan_all || frame.kind == Kind::fan_group) {
            const auto& lanes = pools_[app_server].lanes;
            for (auto& connection : connections_) {
                const bool is_home = &lanes[connection.key % lanes.size()] == &pair;
                if (!is_home && schedule_.mutant != Mutant::fan_out_once_per_pool) continue;
                if (frame.kind == Kind::fan_group && !connection.is_member) continue;
                if (!connection.has_left) connection.seen[app_server].push_back(frame.number);
            }
            return true;
        }
        auto& connection = connections_.at(frame.connection);
        if (frame.kind == Kind::join || frame.kind == Kind::leave) {
            connection.is_member = frame.kind == Kind::join;
        } else {
            require(frame.kind == Kind::reply, "the proxy got a frame meant for the app");
            if (!connection.has_left) connection.seen[app_server].push_back(frame.number);
        }
        return true;
    }

    // The handler answers each message, and so waits while its ring is full.
    bool take_at_app(std::size_t app_server, const Frame& frame) {
        auto& connection = connections_.at(frame.connection);
        require(!connection.is_closed, "an app got something of a client that had left");
        if (frame.kind == Kind::close) return connection.is_closed = true;
        require(frame.kind == Kind::data, "the app got a frame meant for the proxy");
        End& out = home(app_server, connection).app();
        if (!out.lane.has_room()) return false;
        connection.handled.push_back(frame.number);
        send(out, this->frame(Kind::reply, ++calls_, frame.connection));
        connection.expected[app_server].push_back(calls_);
        return true;
    }

    // Something new happens: a client sends, or an app server calls.
    void act() {
        --todo_;
        const auto what = random_.below(100);
        const std::size_t app_server = random_.below(2);
        if (what < 35) return fan_out(app_server);
        const std::size_t index = random_.below(connections_.size());
        auto& connection = connections_[index];
        if (connection.has_left) return;
        if (what < 50) {
            for (auto n = random_.pick<std::size_t>({1, 1, 1, 12}); n > 0; --n) change_group(index);
            return;
        }
        if (what < 53) {
            connection.has_left = connection.is_untold = true;
            return tell_closed(index);
        }

        End& out = home(connection.owner, connection).proxy();
        if (!out.lane.has_room()) return;  // the proxy does not read this client now
        send(out, frame(Kind::data, ++connection.sent, index));
    }

    // Accepted by all lanes or by none. The first app server alone has a group, so its calls are the group's history.
    void fan_out(std::size_t app_server) {
        auto& lanes = pools_[app_server].lanes;
        for (auto& pair : lanes) {
            if (!pair.app().lane.has_room()) return;
        }
        const auto kind = app_server == 0 && random_.chance(50) ? Kind::fan_group : Kind::fan_all;
        const auto bytes = frame(kind, ++calls_, 0);
        if (schedule_.mutant == Mutant::fan_out_once_per_pool) {
            send(lanes[random_.below(lanes.size())].app(), bytes);
        } else {
            for (auto& pair : lanes) send(pair.app(), bytes);
        }
        for (auto& connection : connections_) {
            if (kind == Kind::fan_all || connection.has_joined) connection.expected[app_server].push_back(calls_);
        }
    }

    void change_group(std::size_t index) {
        auto& connection = connections_[index];
        const auto kind = connection.has_joined ? Kind::leave : Kind::join;
        if (send_control(home(0, connection).app(), small_frame(kind, index))) {
            connection.has_joined = !connection.has_joined;
        }
    }

    // Behind all that the client has sent, now or when the lane has room.
    void tell_closed(std::size_t index) {
        auto& connection = connections_[index];
        auto& pool = pools_[connection.owner];
        const bool is_elsewhere = schedule_.mutant == Mutant::close_elsewhere;
        LanePair& pair =
            is_elsewhere ? pool.lanes[random_.below(pool.lanes.size())] : home(connection.owner, connection);
        connection.is_untold = !send_control(pair.proxy(), small_frame(Kind::close, index));
    }

    bool is_finished() {
        if (todo_ > 0) return false;
        for (const auto& connection : connections_) {
            if (connection.is_untold) return false;
        }
        for (auto& pool : pools_) {
            for (auto& pair : pool.lanes) {
                if (!pair.is_up) return false;
                for (auto& end : pair.ends) {
                    if (end.lane.held_bytes() > 0 || !end.wire.empty() || end.lane.has_waiting()) return false;
                    if (!end.parked.empty() || end.lane.has_output(now_)) return false;
                }
            }
        }
        return true;
    }

    Random random_;
    const Schedule schedule_;
    LaneSettings settings_;
    std::size_t largest_ = 0;
    std::array<Pool, 2> pools_;
    std::vector<Connection> connections_;
    std::size_t todo_ = 0;
    std::uint32_t calls_ = 0;
    std::uint64_t last_progress_ = 0;
    int last_step_ = 0;
    TimePoint now_{std::chrono::hours(1)};
};

}  // namespace trunkline::protocol::model
