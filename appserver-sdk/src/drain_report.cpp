#include "appserver-sdk/src/drain_report.hpp"

#include <map>
#include <string_view>

#include "appserver-sdk/src/pool.hpp"
#include "appserver-sdk/src/proxy_peer.hpp"

namespace trunkline {
namespace {

constexpr std::size_t kMostIds = 5;

std::string_view why_here(const ConnectionState& state) {
    if (state.pool == nullptr) return "gone, with messages that wait for room";
    if (!state.pool->migrates()) return "of proxies that cannot move them";
    if (!state.is_detaching) return "not asked for by their proxies";
    if (!state.is_answered) return "not answered by the app";
    if (state.is_paused) return "paused by the app";
    return "with messages that wait for room";
}

std::string_view why_here(const Pool& pool) {
    if (!pool.is_flushed()) return " has not taken all that was sent";
    return pool.migrates() && !pool.has_answered_drain() ? " has not answered the drain" : "";
}

}  // namespace

std::string what_holds_up(const std::vector<std::shared_ptr<ConnectionState>>& connections,
                          const std::vector<Pool*>& pools) {
    struct Group {
        std::size_t size = 0;
        std::size_t named = 0;
        std::string ids;
    };
    std::map<std::string_view, Group> groups;
    std::size_t named = 0;
    for (const auto& state : connections) {
        Group& group = groups[why_here(*state)];
        ++group.size;
        if (named == kMostIds) continue;
        ++named;
        ++group.named;
        group.ids += (group.ids.empty() ? "" : ", ") + std::string(state->request.id);
    }
    std::string text = std::to_string(connections.size()) + " connections are left";
    for (const auto& [why, group] : groups) {
        text += "; " + std::to_string(group.size) + " " + std::string(why);
        if (!group.ids.empty()) text += " (" + group.ids + (group.named < group.size ? ", ..." : "") + ")";
    }
    for (const Pool* pool : pools) {
        const auto why = why_here(*pool);
        if (why.empty()) continue;
        text += "; proxy " + *pool->peer().id() + ", worker " + std::to_string(pool->worker()) + std::string(why);
    }
    return text;
}

}  // namespace trunkline
