#include "proxy/daemon/readiness.hpp"

#include "proxy/log/logging.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <utility>

namespace trunkline::proxy {
namespace {

using Json = nlohmann::ordered_json;

int badness(AppServerState state) {
    switch (state) {
        case AppServerState::linked: return 0;
        case AppServerState::lost: return 1;
        case AppServerState::failed: return 2;
        case AppServerState::pending: return 3;
    }
    return 4;
}

// One app server over all workers: each has its own pool to it.
struct MergedAppServer {
    AppServerSnapshot shown;
    std::uint64_t linked_epoch = 0;              // of the first worker that is linked
    Readiness::Clock::time_point last_linked{};  // of all that are
    bool epochs_differ = false;                  // between those that are linked

    void add(const AppServerSnapshot& seen) {
        shown.lanes_up += seen.lanes_up;
        shown.lanes += seen.lanes;
        if (badness(seen.state) > badness(shown.state)) shown.state = seen.state;
        if (shown.last_error.empty()) shown.last_error = seen.last_error;
        if (shown.epoch == 0) {
            shown.epoch = seen.epoch;
            shown.name = seen.name;
        }
    }
    void compare(const AppServerSnapshot& seen) {
        if (seen.state != AppServerState::linked) return;
        if (linked_epoch == 0) linked_epoch = seen.epoch;
        epochs_differ = epochs_differ || linked_epoch != seen.epoch;
        last_linked = std::max(last_linked, seen.up_since);
    }
    bool are_several(Readiness::Clock::time_point now) const {
        return epochs_differ && now - last_linked >= Readiness::kRestart;
    }
};

// One upstream over all workers.
struct Merged {
    std::vector<MergedAppServer> app_servers;
    std::string why;  // it is not ready; empty if it is

    void not_ready(std::string reason) {
        if (why.empty()) why = std::move(reason);
    }

    void merge(const AppServerSnapshot& seen) {
        auto known = std::find_if(app_servers.begin(), app_servers.end(),
                                  [&](const auto& other) { return other.shown.address == seen.address; });
        if (known == app_servers.end()) {
            known = app_servers.insert(known, MergedAppServer{});
            known->shown = seen;
        } else {
            known->add(seen);
        }
        known->compare(seen);
    }
};

Merged merge(const std::vector<std::vector<UpstreamSnapshot>>& workers, const std::string& name) {
    Merged merged;
    for (std::size_t worker = 0; worker < workers.size(); ++worker) {
        const auto where = " (worker " + std::to_string(worker) + ")";
        const auto& board = workers[worker];
        const auto upstream =
            std::find_if(board.begin(), board.end(), [&](const auto& published) { return published.name == name; });
        if (upstream == board.end()) {
            merged.not_ready("not started" + where);
            continue;
        }
        for (const auto& app_server : upstream->app_servers) {
            merged.merge(app_server);
            if (app_server.state == AppServerState::pending)
                merged.not_ready("first attempt to link " + app_server.address + " is under way" + where);
        }
        if (!upstream->was_linked) merged.not_ready("no app server has been linked yet" + where);
    }
    return merged;
}

Json to_json(const AppServerSnapshot& app_server) {
    // As text: a JSON number above 2^53 loses digits in many readers.
    char epoch[17];
    std::snprintf(epoch, sizeof epoch, "%016llx", static_cast<unsigned long long>(app_server.epoch));
    Json json{{"address", app_server.address},
              {"name", app_server.name},
              {"epoch", app_server.epoch == 0 ? "" : epoch},
              {"state", to_string(app_server.state)},
              {"links_up", app_server.lanes_up},
              {"links", app_server.lanes}};
    if (!app_server.last_error.empty()) json["last_error"] = app_server.last_error;
    return json;
}

}  // namespace

AdminSource::Answer Readiness::answer(const std::vector<std::string>& upstream_names,
                                      const std::vector<std::vector<UpstreamSnapshot>>& workers, bool is_draining,
                                      Clock::time_point now) {
    bool all_ready = true;
    auto upstreams = Json::array();
    for (const auto& name : upstream_names) {
        auto merged = merge(workers, name);
        all_ready = all_ready && merged.why.empty();
        Json json{{"name", name}, {"ready", was_ready_ || merged.why.empty()}};
        if (!was_ready_ && !merged.why.empty()) json["why"] = merged.why;
        json["app_servers"] = Json::array();
        for (auto& app_server : merged.app_servers) {
            if (app_server.are_several(now)) report_several(name, app_server.shown);
            json["app_servers"].push_back(to_json(app_server.shown));
        }
        upstreams.push_back(std::move(json));
    }
    was_ready_ = was_ready_ || all_ready;
    const bool is_ready = was_ready_ && !is_draining;
    Json body{{"ready", is_ready}, {"draining", is_draining}, {"upstreams", std::move(upstreams)}};
    // Names come from app servers: what is not UTF-8 in them is replaced, not thrown.
    return {is_ready, body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

void Readiness::report_several(const std::string& upstream, AppServerSnapshot& app_server) {
    app_server.last_error = several_app_servers_at(app_server.address);
    if (!several_at_.insert(app_server.address).second) return;
    log_warn("workers see different app servers",
             {{"upstream", upstream}, {"app_server", app_server.address}, {"why", app_server.last_error}});
}

}  // namespace trunkline::proxy
