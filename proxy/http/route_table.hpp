#pragma once

#include "config/settings.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trunkline::proxy {

/// The route that a request takes, and what its pattern caught.
struct RouteMatch {
    std::size_t route = 0;                                        ///< index in the settings
    std::vector<std::pair<std::string, std::string>> parameters;  ///< `{x}` in order: name, decoded segment
    std::string_view rest;  ///< what the `*` of a prefix stands for; views the path
};

/// One table for upgrades and static files alike, so that no check of one kind of request can be passed by the other.
///
/// A route matches on host and decoded path. The more special host wins first: exact, then the longest `*.suffix`, then
/// any; a host without a fitting path falls through to the next. Among those: exact path, then segments, then the
/// longest prefix; between two patterns with parameters the one whose first difference is a literal. `/a/*` matches
/// `/a/` and all below it, not `/a`; `{x}` never matches an empty segment. Immutable, any thread.
class RouteTable {
  public:
    /// Throws `std::invalid_argument` for a pattern that the loader should have refused, or one that is there twice.
    explicit RouteTable(const std::vector<config::RouteSettings>& routes);

    /// `host` in lower case and without a port, `path` decoded.
    std::optional<RouteMatch> find(std::string_view host, std::string_view path) const;

  private:
    enum class HostKind { exact, suffix, any };  // in order of precedence, as are the path kinds
    enum class PathKind { exact, segments, prefix };

    struct Segment {
        std::string text;  // the literal, or the parameter's name
        bool is_parameter = false;

        bool operator==(const Segment&) const = default;
    };

    struct Entry {
        std::size_t route = 0;
        HostKind host_kind = HostKind::any;
        PathKind path_kind = PathKind::exact;
        std::string host;               // exact: the host; suffix: with its leading dot
        std::vector<Segment> segments;  // without a prefix's `*`
    };

    static Entry parse(const config::RouteSettings& settings, std::size_t index);
    static bool precedes(const Entry& a, const Entry& b);
    static bool host_matches(const Entry& entry, std::string_view host);
    static std::optional<RouteMatch> match_path(const Entry& entry, std::string_view path);

    std::vector<Entry> entries_;  // most special first, so the first that matches is the one
};

}  // namespace trunkline::proxy
