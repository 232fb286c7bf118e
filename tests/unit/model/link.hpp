#pragma once

#include <array>
#include <deque>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "tests/unit/model/world.hpp"
#include "trunkline/protocol/service/encode.hpp"
#include "trunkline/protocol/service/extension.hpp"

namespace trunkline::model {

inline constexpr std::size_t kProxy = 0;
inline constexpr std::size_t kApp = 1;

// What goes over a link: a handshake, then the bytes of a lane.
struct AppHello {
    std::string name;
    std::uint64_t epoch;
};
struct ProxyAttach {
    std::string id;
    std::uint64_t epoch;
    protocol::Attach attach;
};
struct End {};  // of the stream
using Packet = std::variant<End, AppHello, ProxyAttach, protocol::Attached, std::string>;

/// A process with its own timers. Stopped, it does nothing; on waking, its timers fire and its sockets are read in any
/// order.
class Process {
  public:
    explicit Process(World& its_world) : world(its_world), epoch(its_world.next_number()) {}
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    virtual ~Process() = default;

    void after(Duration delay, std::function<void()> what) {
        world.after(delay, [this, what = std::move(what)] { now_or_awake(what); });
    }
    void now_or_awake(std::function<void()> what) {
        if (!is_alive) return;
        if (world.now < stopped_until_) {
            asleep_.push_back(std::move(what));
        } else {
            what();
        }
    }
    void stop(Duration how_long);
    void wake();
    /// A stopped process goes on now.
    void go_on() {
        stopped_until_ = std::min(stopped_until_, world.now);
        wake();
    }
    TimePoint stopped_until() const { return stopped_until_; }

    enum class Death { process, host };  // of the host: nobody closes its sockets
    virtual void kill(Death death);

    virtual void on_packet(Link& link, Packet&& packet) = 0;
    virtual void on_end(Link& link) = 0;

    World& world;
    const std::uint64_t epoch;
    bool is_alive = true;

  private:
    TimePoint stopped_until_{};
    std::vector<std::function<void()>> asleep_;
};

/// One socket pair: two pipes with delays, which a fault may stop for ever, for a time, or in one direction.
class Link {
  public:
    Link(World& world, Proxy& proxy, AppServer& app, unsigned lane);

    void send(std::size_t from, Packet packet) {
        if (is_open_[from]) put(1 - from, std::move(packet));
    }
    enum class Way { said, unsaid };
    void close(std::size_t end, Way way = Way::said);
    /// Something in between resets it at this end alone, and swallows all the rest.
    void reset(std::size_t end);
    void swallow() { is_swallowed_ = true; }
    /// Delivers what has arrived at this end.
    void pump(std::size_t towards);

    bool is_open(std::size_t end) const { return is_open_[end]; }
    Process& at(std::size_t end) const { return *ends_[end]; }

    Proxy& proxy;
    AppServer& app;
    const unsigned lane;
    Duration lag{};      ///< of this link, beside the delay of a packet
    TimePoint heard[2];  ///< when either end last got something
    TimePoint begun[2];  ///< when either end began the handshake
    bool is_attached[2] = {false, false};

  private:
    struct UnderWay {
        TimePoint when;
        Packet packet;
    };
    void put(std::size_t towards, Packet packet);
    void read(std::size_t end);

    World& world_;
    const std::array<Process*, 2> ends_;
    std::array<bool, 2> is_open_{true, true};
    std::array<std::deque<UnderWay>, 2> wire_;  // towards that end
    std::array<std::deque<Packet>, 2> unread_;  // in the kernel of that end
    std::array<TimePoint, 2> newest_{};
    bool is_swallowed_ = false;
};

/// A lane and the link that carries it, as both programs have them: what the lane wants written is written at once.
struct CarriedLane {
    CarriedLane(Process& its_owner, std::size_t its_end, const protocol::LaneSettings& settings)
        : owner(its_owner),
          end(its_end),
          lane(end == kProxy ? protocol::Lane::Side::proxy : protocol::Lane::Side::app, settings) {}

    template <class Message>
    void send(const Message& message) {
        protocol::Buffer frame;
        append(frame, message);
        lane.append(frame);
        flush();
    }
    void flush();

    Process& owner;
    const std::size_t end;
    protocol::Lane lane;
    Link* link = nullptr;
    TimePoint flush_at = TimePoint::max();
};

}  // namespace trunkline::model
