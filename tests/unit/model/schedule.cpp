#include "tests/unit/model/schedule.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include "tests/unit/model/app_server.hpp"
#include "tests/unit/model/proxy.hpp"

namespace trunkline::model {
namespace {

constexpr double kQuiet = 125;  // when everything is healed
constexpr std::size_t kMostProxies = 4;

class Run {
  public:
    explicit Run(const Schedule& schedule) : world_(schedule.seed, schedule.rules) {
        world_.is_traced = schedule.is_traced;
        Setting& setting = world_.setting;
        setting.lanes = static_cast<unsigned>(random().pick({1, 2, 2, 3}));
        setting.window_bytes = random().pick<std::uint64_t>({60, 160, 1000});
        setting.slow_delay = random().pick({.05, .5, 3.});
        setting.work = random().pick({.01, .3, 3.});
        setting.think = random().pick({.5, 3.});
        setting.hold = random().pick({0., 0., 5., 30.});
        setting.reassigns = random().chance(67);
        setting.is_direct = !schedule.has_middlebox;
        choose_faults(schedule);
        setting.has_slow_links = has(Fault::slow_links);
    }

    void run() {
        const TimePoint start = world_.now;
        for (const auto& address : kAddresses) world_.start_app_server(address);
        world_.start_proxy(3);
        for (auto left = random().between(1, 8); left > 0; --left) {
            later(random().uniform(8, 85), [this] { strike(random_fault()); });
        }
        world_.run_until(start + seconds(kQuiet));
        heal();
        world_.run_until(start + seconds(kQuiet + 100));
        world_.is_chatty = false;
        world_.run_until(start + seconds(kQuiet + 120));
        for (const auto& proxy : world_.proxies) proxy->send_all();
        world_.run_until(world_.now + seconds(60 + 40 * world_.setting.work));
        check();
    }

  private:
    Random& random() { return world_.random; }
    bool has(Fault fault) const { return std::find(kinds_.begin(), kinds_.end(), fault) != kinds_.end(); }
    void later(double delay, std::function<void()> what) { world_.after(seconds(delay), std::move(what)); }

    void choose_faults(const Schedule& schedule) {
        if (schedule.always.empty() && random().chance(5)) {
            kinds_ = {Fault::leave, Fault::takeover};
        } else {
            std::vector<Fault> all;
            for (unsigned char i = 0; i < static_cast<unsigned char>(Fault::middlebox); ++i) {
                all.push_back(static_cast<Fault>(i));
            }
            if (schedule.has_middlebox) all.push_back(Fault::middlebox);
            random().shuffle(all);
            kinds_.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(random().between(1, 5)));
            kinds_.insert(kinds_.end(), schedule.always.begin(), schedule.always.end());
        }
        is_gentle_ = world_.setting.slow_delay < 1 && std::all_of(kinds_.begin(), kinds_.end(), [](Fault fault) {
                         return fault == Fault::leave || fault == Fault::takeover;
                     });
    }

    Fault random_fault() { return kinds_[random().below(kinds_.size())]; }

    AppServer* random_app() { return random_alive(world_.app_servers); }
    Proxy* random_proxy() { return random_alive(world_.proxies); }
    template <class Processes>
    auto random_alive(const Processes& processes) -> decltype(processes.front().get()) {
        std::vector<decltype(processes.front().get())> alive;
        for (const auto& process : processes) {
            if (process->is_alive) alive.push_back(process.get());
        }
        return alive.empty() ? nullptr : alive[random().below(alive.size())];
    }

    void restart(const std::string& address) {
        if (!world_.listening[address]->is_alive) world_.start_app_server(address);
    }

    std::vector<Link*> links_between(const Proxy& proxy, const AppServer& app) const {
        std::vector<Link*> links;
        for (const auto& link : world_.links) {
            if (&link->proxy != &proxy || &link->app != &app) continue;
            if (link->is_open(kProxy) || link->is_open(kApp)) links.push_back(link.get());
        }
        return links;
    }

    void strike(Fault fault) {
        AppServer* const app = random_app();
        Proxy* const proxy = random_proxy();
        if (app != nullptr && proxy != nullptr) strike(fault, *proxy, *app);
    }

    void strike(Fault fault, Proxy& proxy, AppServer& app) {
        double lasts = random().pick({1., 6., 14., 22., 28., 40., 60.}) * random().uniform(.5, 1.2);
        const bool is_outage = fault == Fault::cut || fault == Fault::half || fault == Fault::cut_lane ||
                               fault == Fault::one_reset || fault == Fault::stop;
        if (is_outage && random().chance(50)) lasts += 35;
        const Duration how_long = seconds(lasts);
        auto links = links_between(proxy, app);
        const auto cut_both = [&] {
            world_.cut(proxy, app, kProxy, how_long);
            world_.cut(proxy, app, kApp, how_long);
        };
        world_.log("fault", static_cast<int>(fault), "proxy", proxy.epoch, app.name, app.epoch, "for", lasts);
        switch (fault) {
            case Fault::cut: return cut_both();
            case Fault::half: return world_.cut(proxy, app, random().below(2), how_long);
            case Fault::one_flow:
                if (!links.empty()) links[random().below(links.size())]->swallow();
                return;
            case Fault::one_reset: return reset_some(proxy, app, std::move(links), how_long);
            case Fault::stop: return app.stop(how_long);
            case Fault::stutter:
                for (auto i = random().between(2, 6); i > 0; --i) {
                    later(10 * static_cast<double>(i), [this, &app] { app.stop(seconds(random().uniform(6, 9.9))); });
                }
                return;
            case Fault::kill:
            case Fault::crash:
                app.kill(fault == Fault::crash ? Process::Death::host : Process::Death::process);
                return later(random().pick({.2, 3., 20.}), [this, &app] { restart(app.name); });
            case Fault::twin:
                if (random().chance(60)) app.stop(how_long);
                return take_address(app);
            case Fault::replace:
                world_.cut(proxy, app, kApp, seconds(40));
                app.hold_up(seconds(random().uniform(15, 25)));
                return later(random().uniform(14, 22), [this, &app] { take_address(app); });
            case Fault::drain:
                app.now_or_awake([&app] { app.drain(); });
                return later(random().pick({5., 30.}), [this, &app] { restart(app.name); });
            case Fault::leave: return proxy.now_or_awake([&proxy] { proxy.client_leaves(); });
            case Fault::stop_proxy: return proxy.stop(how_long);
            case Fault::restart_proxy:
            case Fault::crash_proxy:
                proxy.kill(fault == Fault::crash_proxy ? Process::Death::host : Process::Death::process);
                return later(random().pick({.2, 2., 10.}), [this] {
                    if (world_.proxies.size() < kMostProxies) world_.start_proxy(2);
                });
            case Fault::takeover:
                if (world_.proxies.size() < kMostProxies - 1) world_.start_proxy(2);
                return;
            case Fault::bad_frame:
                proxy.find_bad_frame();
                if (random().chance(50)) world_.cut(proxy, app, random().below(2), how_long);
                return;
            case Fault::poison:
                world_.poison.insert(random().between(3, 60));
                for (const double when : {5., 20., 40., 60.}) {
                    later(when, [this] {
                        for (const auto& address : kAddresses) restart(address);
                    });
                }
                return;
            case Fault::hold_up:
                app.hold_up(seconds(random().uniform(15, 75)));
                return later(random().uniform(0, 6), [this, &proxy, &app] {
                    const auto next = random().pick({Fault::cut, Fault::half, Fault::flap, Fault::cut_lane,
                                                     Fault::cut_lane, Fault::one_reset, Fault::stop, Fault::stutter,
                                                     Fault::trap, Fault::trap, Fault::trap});
                    if (proxy.is_alive && app.is_alive) strike(next, proxy, app);
                });
            case Fault::flap: return flap(proxy, app);
            case Fault::cut_lane:
                return world_.cut_lane(proxy, app, static_cast<unsigned>(random().below(world_.setting.lanes)),
                                       how_long);
            case Fault::slow_links: return lose(proxy, app, links);
            case Fault::trap: return trap(proxy, app, links);
            case Fault::middlebox:
                for (Link* link : links) link->reset(kProxy);
                world_.refused_until[app.name] = world_.now + how_long;
                return;
        }
    }

    void reset_some(Proxy& proxy, AppServer& app, std::vector<Link*> links, Duration how_long) {
        const std::size_t end = random().below(2);
        random().shuffle(links);
        // Where nothing stands in between, not all of them are reset that the app server has not closed.
        const std::size_t most =
            links.empty() || !world_.setting.is_direct || end == kApp ? links.size() : links.size() - 1;
        links.resize(random().below(most + 1));
        for (Link* link : links) link->reset(end);
        if (random().chance(50)) world_.cut(proxy, app, random().below(2), how_long);
    }

    void flap(Proxy& proxy, AppServer& app) {
        for (double at = 0; at < 70;) {
            const double dark = random().uniform(2, 24);
            const double bright = random().chance(70) ? random().uniform(.01, .6) : random().uniform(.5, 4);
            const auto which = random().below(4);  // one direction, the other, or both
            later(at, [this, &proxy, &app, dark, which] {
                if (which != 0) world_.cut(proxy, app, kProxy, seconds(dark));
                if (which != 1) world_.cut(proxy, app, kApp, seconds(dark));
            });
            at += dark + bright;
        }
    }

    void trap(Proxy& proxy, AppServer& app, const std::vector<Link*>& links) {
        const auto dark = seconds(random().uniform(10, 25));
        world_.cut(proxy, app, kProxy, dark);
        world_.cut(proxy, app, kApp, dark);
        world_.set_trap(proxy, app);
        app.hold_up(seconds(random().uniform(29, 40)));
        lose(proxy, app, links);
    }

    /// Both sides find all links silent.
    static void lose(Proxy& proxy, AppServer& app, const std::vector<Link*>& links) {
        proxy.now_or_awake([&proxy, &app] { proxy.lose_links(app); });
        app.now_or_awake([&app, &proxy] { app.lose_links(proxy); });
        for (Link* link : links) link->swallow();
    }

    void take_address(AppServer& from) {
        if (world_.listening[from.name] == &from) world_.start_app_server(from.name);
    }

    void heal() {
        for (std::size_t i = 0; i < world_.app_servers.size(); ++i) world_.app_servers[i]->go_on();
        for (std::size_t i = 0; i < world_.proxies.size(); ++i) world_.proxies[i]->go_on();
        world_.poison.clear();
        world_.heal();
        for (const auto& address : kAddresses) restart(address);
        if (random_proxy() == nullptr) world_.start_proxy(1);
    }

    void check() {
        for (const auto& proxy : world_.proxies) {
            for (const Client& client : proxy->clients()) check(*proxy, client);
        }
        require(!is_gentle_ || world_.pool_ends.empty(), "P3 a pool ended without a reason");
    }

    void check(const Proxy& proxy, const Client& client) {
        const auto owners = world_.ledger.open_at(client.id);
        if (!proxy.is_alive || client.has_left || client.closed != nullptr) {
            require(owners.empty(), "P5 a connection that is gone is still open");
        } else {
            require(owners.size() == 1, "P5 not open at exactly one app server");
            require(client.sent > 0 && client.answered.count(client.sent) != 0, "P5 open, but not answered");
        }
        if (!proxy.is_alive || client.closed != nullptr) return;
        for (std::uint64_t message = 1; message <= client.sent; ++message) {
            require(world_.ledger.is_done_with(client.id, message), "P3 lost");
        }
    }

    World world_;
    std::vector<Fault> kinds_;
    bool is_gentle_ = false;  // nothing that may end a pool
};

}  // namespace

std::string run(const Schedule& schedule) {
    try {
        Run(schedule).run();
        return {};
    } catch (const Violation& violation) {
        return violation.what;
    }
}

}  // namespace trunkline::model
