#include "net/timing_wheel.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

using namespace trunkline::net;
using namespace std::chrono_literals;

namespace {

constexpr auto kStart = Clock::time_point(1000h + 1ns);

struct Hook final : WheelHook {
    std::function<void(Clock::time_point)> act = [](Clock::time_point) {};
    int fired = 0;

    void on_deadline(Clock::time_point now) override {
        ++fired;
        act(now);
    }
};

}  // namespace

TEST_CASE("TimingWheel: fires neither early nor more than a tick late", "[net][wheel]") {
    const auto after = GENERATE(values<Clock::duration>(
        {1ns, 1ms, 2ms, 2ms + 1ns, 127ms, 128ms, 129ms, 130ms, 8191ms, 8192ms, 8193ms, 10min, 10h, 24h, 240h, 2000h}));
    CAPTURE(after.count());
    TimingWheel wheel(kStart);
    wheel.advance(kStart + 77ms);
    Hook hook;
    const auto deadline = kStart + 77ms + after;
    wheel.schedule(hook, deadline);

    // Only woken when the wheel asks for it, as a loop does.
    auto now = kStart;
    int wakes = 0;
    while (hook.fired == 0) {
        REQUIRE(wheel.next().has_value());
        REQUIRE(*wheel.next() > now);
        REQUIRE(++wakes < 10);
        now = *wheel.next();
        wheel.advance(now);
        if (hook.fired == 0) REQUIRE(now < deadline + TimingWheel::kTick);
    }
    CHECK(now >= deadline);
    CHECK(now < deadline + TimingWheel::kTick);
    CHECK_FALSE(wheel.next().has_value());
    CHECK_FALSE(hook.is_scheduled());
}

TEST_CASE("TimingWheel: deadlines at the ends of time", "[net][wheel]") {
    TimingWheel wheel(kStart);
    Hook past;
    Hook never;
    wheel.schedule(past, Clock::time_point::min());
    wheel.schedule(never, Clock::time_point::max());
    wheel.advance(kStart + 1ms);
    CHECK(past.fired == 0);
    wheel.advance(kStart + 2ms);
    CHECK(past.fired == 1);
    wheel.advance(kStart + 10000h);
    CHECK(never.fired == 0);
    CHECK(never.is_scheduled());
}

TEST_CASE("TimingWheel: scheduling again moves, cancelling and destroying forget", "[net][wheel]") {
    TimingWheel wheel(kStart);
    Hook hook;
    wheel.schedule(hook, kStart + 10ms);
    wheel.schedule(hook, kStart + 100ms);
    wheel.advance(kStart + 50ms);
    CHECK(hook.fired == 0);
    wheel.cancel(hook);
    wheel.cancel(hook);
    CHECK_FALSE(wheel.next().has_value());
    {
        Hook brief;
        wheel.schedule(brief, kStart + 60ms);
        CHECK(wheel.next().has_value());
    }
    CHECK_FALSE(wheel.next().has_value());
    wheel.advance(kStart + 1s);
    CHECK(hook.fired == 0);
}

TEST_CASE("TimingWheel: scheduling by a time brings a deadline forward and never puts it off", "[net][wheel]") {
    TimingWheel wheel(kStart);
    Hook hook;
    const auto fires_at = [&] {
        for (auto now = kStart;; now += 1ms) {
            REQUIRE(now < kStart + 1s);
            wheel.advance(now);
            if (hook.fired != 0) return now - kStart;
        }
    };
    wheel.schedule_by(hook, kStart + 100ms);
    CHECK(hook.is_scheduled());
    wheel.schedule_by(hook, kStart + 200ms);
    SECTION("later") { CHECK(fires_at() <= 102ms); }
    SECTION("earlier") {
        wheel.schedule_by(hook, kStart + 50ms);
        CHECK(fires_at() <= 52ms);
    }
    CHECK(hook.fired == 1);
}

TEST_CASE("TimingWheel: a hook outlives its wheel", "[net][wheel]") {
    Hook hook;
    {
        TimingWheel wheel(kStart);
        wheel.schedule(hook, kStart + 1s);
    }
    CHECK_FALSE(hook.is_scheduled());
}

TEST_CASE("TimingWheel: callbacks may schedule, cancel and destroy", "[net][wheel]") {
    TimingWheel wheel(kStart);

    SECTION("itself again, once per advance even when it is late already") {
        Hook hook;
        hook.act = [&](auto) { wheel.schedule(hook, kStart); };
        wheel.schedule(hook, kStart + 5ms);
        wheel.advance(kStart + 1s);
        CHECK(hook.fired == 1);
        wheel.advance(kStart + 1s + 1ms);
        CHECK(hook.fired == 1);
        wheel.advance(kStart + 1s + 2ms);
        CHECK(hook.fired == 2);
    }
    SECTION("others of the same tick") {
        std::vector<std::unique_ptr<Hook>> hooks(10);
        int total = 0;
        for (auto& hook : hooks) {
            hook = std::make_unique<Hook>();
            hook->act = [&](auto) {
                ++total;
                hooks.clear();  // this one too
            };
            wheel.schedule(*hook, kStart + 5ms);
        }
        wheel.advance(kStart + 6ms);
        CHECK(total == 1);
        CHECK_FALSE(wheel.next().has_value());
    }
    SECTION("others of the same tick, moved to later") {
        Hook first;
        Hook second;
        first.act = [&](auto) { wheel.schedule(second, kStart + 1s); };
        second.act = [&](auto) { wheel.schedule(first, kStart + 1s); };
        wheel.schedule(first, kStart + 5ms);
        wheel.schedule(second, kStart + 5ms);
        wheel.advance(kStart + 6ms);
        CHECK(first.fired + second.fired == 1);
        wheel.advance(kStart + 2s);
        CHECK(first.fired + second.fired == 2);
    }
}

TEST_CASE("TimingWheel: a member hook calls its owner", "[net][wheel]") {
    struct Owner {
        void on_silence(Clock::time_point now) { silent_since = now; }
        MemberHook<&Owner::on_silence> silence{*this};
        Clock::time_point silent_since{};
    } owner;
    TimingWheel wheel(kStart);
    wheel.schedule(owner.silence, kStart + 4ms);
    wheel.advance(kStart + 6ms);
    CHECK(owner.silent_since == kStart + 6ms);
}

TEST_CASE("TimingWheel: random schedules agree with a sorted map", "[net][wheel]") {
    const auto seed = GENERATE(range(0U, 15U));
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t n) { return random() % n; };
    // Spans from one tick to beyond the last level, so that every level and the overflow are crossed.
    const auto span = [&] { return Clock::duration(below(std::uint64_t{1} << (16 + below(38)))); };

    TimingWheel wheel(kStart);
    std::vector<std::unique_ptr<Hook>> hooks(200);
    std::multimap<Clock::time_point, std::size_t> model;
    std::vector<Clock::time_point> due(hooks.size());
    std::vector<Clock::time_point> order(hooks.size());  // a deadline in the past counts as one at its scheduling
    auto now = kStart;
    auto previous = kStart;
    auto last_fired = Clock::time_point::min();

    const auto forget = [&](std::size_t i) {
        for (auto [it, end] = model.equal_range(due[i]); it != end; ++it) {
            if (it->second == i) {
                model.erase(it);
                return;
            }
        }
    };
    const auto schedule = [&](std::size_t i, Clock::time_point at) {
        forget(i);
        due[i] = at;
        order[i] = std::max(at, now);
        model.emplace(at, i);
        wheel.schedule(*hooks[i], at);
    };
    for (std::size_t i = 0; i < hooks.size(); ++i) {
        hooks[i] = std::make_unique<Hook>();
        hooks[i]->act = [&, i](Clock::time_point at) {
            CHECK(at == now);
            CHECK(due[i] <= now);
            CHECK(order[i] + TimingWheel::kTick > last_fired);
            last_fired = std::max(last_fired, order[i]);
            forget(i);
            const auto other = below(hooks.size());
            switch (below(6)) {
                case 0: schedule(i, now + span()); break;
                case 1: schedule(other, now + span()); break;
                case 2:
                    forget(other);
                    wheel.cancel(*hooks[other]);
                    break;
                default: break;
            }
        };
    }
    for (int step = 0; step < 2000; ++step) {
        const auto i = below(hooks.size());
        switch (below(4)) {
            case 0:
            case 1: schedule(i, now + span() - 1ms); break;
            case 2:
                forget(i);
                wheel.cancel(*hooks[i]);
                break;
            default:
                previous = now;
                last_fired = Clock::time_point::min();
                now = below(2) == 0 || !wheel.next() ? now + span() / 16 : std::max(now, *wheel.next());
                wheel.advance(now);
                // Nothing that was due a tick ago is left, but for what was scheduled late within this tick.
                if (now - previous >= TimingWheel::kTick && !model.empty()) {
                    CHECK(model.begin()->first + TimingWheel::kTick > previous);
                }
        }
        REQUIRE(wheel.next().has_value() == !model.empty());
        if (!model.empty()) {
            REQUIRE(wheel.next().has_value());
            CHECK(*wheel.next() < std::max(now, model.begin()->first) + TimingWheel::kTick * 2);
        }
    }
}
