#include "proxy/http/route_table.hpp"

#include "proxy/http/http_syntax.hpp"

#include <algorithm>
#include <stdexcept>

namespace trunkline::proxy {

RouteTable::RouteTable(const std::vector<config::RouteSettings>& routes) {
    entries_.reserve(routes.size());
    for (const auto& settings : routes) entries_.push_back(parse(settings, entries_.size()));
    std::stable_sort(entries_.begin(), entries_.end(), precedes);

    for (std::size_t i = 1; i < entries_.size(); ++i) {
        // Equal in every way that decides: the second of them could never be chosen.
        if (!precedes(entries_[i - 1], entries_[i])) {
            throw std::invalid_argument("two routes have the pattern " + routes[entries_[i].route].path);
        }
    }
}

std::optional<RouteMatch> RouteTable::find(std::string_view host, std::string_view path) const {
    for (const auto& entry : entries_) {
        if (!host_matches(entry, host)) continue;
        if (auto match = match_path(entry, path)) return match;
    }
    return std::nullopt;
}

RouteTable::Entry RouteTable::parse(const config::RouteSettings& settings, std::size_t index) {
    const auto fail = [&](const char* why) {
        throw std::invalid_argument("route " + settings.host + settings.path + ": " + why);
    };
    Entry entry;
    entry.route = index;

    if (settings.host.starts_with("*.")) {
        entry.host_kind = HostKind::suffix;
        entry.host = to_lower(std::string_view(settings.host).substr(1));
    } else if (!settings.host.empty()) {
        entry.host_kind = HostKind::exact;
        entry.host = to_lower(settings.host);
    }

    std::string_view pattern = settings.path;
    if (!pattern.starts_with('/')) fail("a path begins with /");
    pattern.remove_prefix(1);
    for (bool more = true; more;) {
        const auto slash = pattern.find('/');
        more = slash != std::string_view::npos;
        const auto text = pattern.substr(0, slash);
        if (more) pattern.remove_prefix(slash + 1);

        Segment segment;
        if (text == "*") {
            if (more) fail("* stands only at the end");
            entry.path_kind = PathKind::prefix;
            break;
        }
        if (text.size() > 2 && text.front() == '{' && text.back() == '}') {
            segment.is_parameter = true;
            segment.text = text.substr(1, text.size() - 2);
            entry.path_kind = PathKind::segments;
        } else if (text.find_first_of("{}*") != std::string_view::npos) {
            fail("{name} and * are whole segments");
        } else {
            segment.text = text;
        }
        entry.segments.push_back(std::move(segment));
    }
    return entry;
}

bool RouteTable::precedes(const Entry& a, const Entry& b) {
    if (a.host_kind != b.host_kind) return a.host_kind < b.host_kind;
    if (a.host.size() != b.host.size()) return a.host.size() > b.host.size();  // the longest suffix first
    if (a.host != b.host) return a.host < b.host;
    if (a.path_kind != b.path_kind) return a.path_kind < b.path_kind;
    if (a.segments.size() != b.segments.size())
        return a.segments.size() > b.segments.size();  // the longest prefix first
    for (std::size_t i = 0; i < a.segments.size(); ++i) {
        const auto& left = a.segments[i];
        const auto& right = b.segments[i];
        if (left.is_parameter != right.is_parameter) return right.is_parameter;
        // Names of parameters decide nothing: /{a} and /{b} are one pattern.
        if (!left.is_parameter && left.text != right.text) return left.text < right.text;
    }
    return false;
}

bool RouteTable::host_matches(const Entry& entry, std::string_view host) {
    switch (entry.host_kind) {
        case HostKind::exact: return host == entry.host;
        case HostKind::suffix: return host.size() > entry.host.size() && host.ends_with(entry.host);
        case HostKind::any: return true;
    }
    return false;
}

std::optional<RouteMatch> RouteTable::match_path(const Entry& entry, std::string_view path) {
    if (!path.starts_with('/')) return std::nullopt;
    path.remove_prefix(1);

    // `path` is what follows the last slash seen; after the last segment of a path nothing follows.
    RouteMatch match;
    match.route = entry.route;
    bool more = true;
    for (const auto& segment : entry.segments) {
        if (!more) return std::nullopt;
        const auto slash = path.find('/');
        const auto text = path.substr(0, slash);
        if (segment.is_parameter ? text.empty() : text != segment.text) return std::nullopt;
        if (segment.is_parameter) match.parameters.emplace_back(segment.text, text);
        more = slash != std::string_view::npos;
        path.remove_prefix(more ? slash + 1 : path.size());
    }
    if (more != (entry.path_kind == PathKind::prefix)) return std::nullopt;
    match.rest = path;
    return match;
}

}  // namespace trunkline::proxy
