#include "tests/unit/model/world.hpp"

#include "tests/unit/model/app_server.hpp"
#include "tests/unit/model/proxy.hpp"

namespace trunkline::model {

World::World(std::uint64_t seed, const Rules& its_rules) : random(seed), rules(its_rules) {}

World::~World() = default;

bool World::is_cut(const Proxy& proxy, const AppServer& app, unsigned lane, std::size_t towards) const {
    const auto cut = cut_until_.find({{&proxy, &app}, towards});
    const auto lane_cut = lane_cut_until_.find({{&proxy, &app}, lane});
    return (cut != cut_until_.end() && cut->second > now) ||
           (lane_cut != lane_cut_until_.end() && lane_cut->second > now);
}

void World::cut(const Proxy& proxy, const AppServer& app, std::size_t towards, Duration how_long) {
    cut_until_[{{&proxy, &app}, towards}] = now + how_long;
    after(how_long, [this] { pump_all(); });
}

void World::cut_lane(const Proxy& proxy, const AppServer& app, unsigned lane, Duration how_long) {
    lane_cut_until_[{{&proxy, &app}, lane}] = now + how_long;
    after(how_long, [this] { pump_all(); });
}

void World::spring_trap(const Proxy& proxy, const AppServer& app) {
    if (trap_ != Between{&proxy, &app}) return;
    trap_ = {};
    const auto how_long = seconds(random.uniform(20, 50));
    cut(proxy, app, kProxy, how_long);
    if (random.chance(67)) cut(proxy, app, kApp, how_long);
}

void World::heal() {
    cut_until_.clear();
    lane_cut_until_.clear();
    refused_until.clear();
    trap_ = {};
    setting.has_slow_links = false;
    pump_all();
}

void World::pump_all() {
    for (std::size_t i = 0; i < links.size(); ++i) {
        links[i]->pump(kProxy);
        links[i]->pump(kApp);
    }
}

World::Dialled World::dial(const Proxy& proxy, const std::string& address, unsigned lane) const {
    const auto found = listening.find(address);
    if (found == listening.end()) return Dialled::refused;
    const AppServer& app = *found->second;
    if (is_cut(proxy, app, lane, kProxy) || is_cut(proxy, app, lane, kApp)) return Dialled::no_answer;
    if (!app.is_alive) return app.died_with_host ? Dialled::no_answer : Dialled::refused;
    const auto refused = refused_until.find(address);
    return refused != refused_until.end() && refused->second > now ? Dialled::refused : Dialled::accepted;
}

AppServer& World::start_app_server(const std::string& name) {
    AppServer& started = *app_servers.emplace_back(std::make_unique<AppServer>(*this, name));
    listening[name] = &started;
    return started;
}

Proxy& World::start_proxy(std::size_t clients) {
    return *proxies.emplace_back(std::make_unique<Proxy>(*this, clients));
}

}  // namespace trunkline::model
