#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "tests/support/schedules.hpp"
#include "tests/unit/model/ledger.hpp"
#include "tests/unit/model/rules.hpp"
#include "trunkline/protocol/lane/lane.hpp"

namespace trunkline::model {

using protocol::TimePoint;
using test::Random;
using test::require;
using test::Violation;
using Duration = TimePoint::duration;

inline Duration seconds(double count) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(count));
}

class AppServer;
class Link;
class Proxy;

/// What differs from schedule to schedule beside the faults.
struct Setting {
    unsigned lanes = 1;
    std::uint64_t window_bytes = 0;
    double slow_delay = 0;  ///< of the tenth part of all packets that is slow, at most
    double work = 0;        ///< of one callback, in the mean
    double think = 0;       ///< between two messages of a client
    double hold = 0;
    bool reassigns = true;
    bool has_slow_links = false;
    bool is_direct = true;  ///< nothing stands between that answers for an app server
};

/// One simulation: the clock and what happens next, the network's condition, all processes there ever were, and the
/// ledger of what they did. Nothing is freed before its end, so events may hold plain pointers.
class World {
  public:
    World(std::uint64_t seed, const Rules& its_rules);
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World();

    void after(Duration delay, std::function<void()> what) {
        events_.push({now + std::max(delay, Duration::zero()), ++sequence_, std::move(what)});
    }
    void run_until(TimePoint end) {
        while (!events_.empty() && events_.top().when <= end) {
            const auto what = std::move(const_cast<Event&>(events_.top()).what);
            now = events_.top().when;
            events_.pop();
            what();
        }
        now = end;
    }

    // --- Network ---

    Duration packet_delay() {
        return seconds(random.chance(90) ? random.uniform(.001, .02) : random.uniform(.02, setting.slow_delay));
    }
    /// Whether nothing gets through to that end of the links between these two (all of them, or of one lane) now.
    bool is_cut(const Proxy& proxy, const AppServer& app, unsigned lane, std::size_t towards) const;
    void cut(const Proxy& proxy, const AppServer& app, std::size_t towards, Duration how_long);
    void cut_lane(const Proxy& proxy, const AppServer& app, unsigned lane, Duration how_long);
    /// The next Attached that this app server sends to that proxy on a pool with all its lanes attached springs it:
    /// the direction dies under it.
    void set_trap(const Proxy& proxy, const AppServer& app) { trap_ = {&proxy, &app}; }
    void spring_trap(const Proxy& proxy, const AppServer& app);
    /// The network is as new, and stays so.
    void heal();

    enum class Dialled { accepted, refused, no_answer };
    Dialled dial(const Proxy& proxy, const std::string& address, unsigned lane) const;

    std::uint64_t next_number() { return ++number_; }
    AppServer& start_app_server(const std::string& name);
    Proxy& start_proxy(std::size_t clients);

    TimePoint now{std::chrono::hours(1)};
    Random random;
    const Rules rules;
    Setting setting;
    Ledger ledger;
    std::deque<std::unique_ptr<AppServer>> app_servers;
    std::deque<std::unique_ptr<Proxy>> proxies;
    std::deque<std::unique_ptr<Link>> links;
    std::map<std::string, AppServer*> listening;     ///< by address, alive or not
    std::map<std::string, TimePoint> refused_until;  ///< by address
    std::set<std::uint64_t> poison;                  ///< messages that kill whoever handles them
    bool is_chatty = true;                           ///< clients send by themselves
    std::map<std::string, unsigned> pool_ends;       ///< at proxies, by cause
    bool is_traced = false;

    template <class... Parts>
    void log(const Parts&... parts) const {
        if (!is_traced) return;
        std::cout << std::chrono::duration<double>(now - TimePoint(std::chrono::hours(1))).count();
        ((std::cout << ' ' << parts), ...) << '\n';
    }

  private:
    struct Event {
        TimePoint when;
        std::uint64_t sequence;
        std::function<void()> what;
        bool operator<(const Event& other) const {
            return when != other.when ? when > other.when : sequence > other.sequence;
        }
    };

    void pump_all();

    std::priority_queue<Event> events_;
    std::uint64_t sequence_ = 0;
    std::uint64_t number_ = 0;
    struct Between {
        const Proxy* proxy = nullptr;
        const AppServer* app = nullptr;
        auto operator<=>(const Between&) const = default;
    };
    std::map<std::pair<Between, std::size_t>, TimePoint> cut_until_;    // by direction
    std::map<std::pair<Between, unsigned>, TimePoint> lane_cut_until_;  // by lane
    Between trap_;
};

}  // namespace trunkline::model
