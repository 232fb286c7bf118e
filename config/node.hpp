#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/problem.hpp"
#include "config/settings.hpp"
#include "config/tree.hpp"

namespace trunkline::config {

/// What reading a document leaves behind, besides the settings.
struct Reading {
    std::string file;
    std::vector<Problem> problems;
    /// Every key that was asked for, as `schema.md` writes it: `routes[].path`, `upstreams.<name>.pool_size`.
    std::set<std::string> keys;
    /// Where each value that was there stands, by its key path.
    std::map<std::string, Where> places;

    void report(const Where& where, std::string key, std::string found, std::string expected);
    /// As above, at the place of `key` or else of the nearest that contains it.
    void report_at(const std::string& key, std::string found, std::string expected);
};

/// A checked view of one value on its way into the settings: a map gives up its keys one by one and complains about
/// the rest, a scalar is read as the one type it must have. Whatever is wrong is reported with place and key path and
/// leaves the target as it was, so reading goes on and finds everything. An absent value is left alone in silence:
/// its default stands. The tree and the Reading must outlive the view.
class Node {
  public:
    Node(const YamlValue* root, Reading& reading);

    bool is_absent() const { return value_ == nullptr; }
    const std::string& path() const { return path_; }
    /// The key of this value, where it came out of named().
    const std::string& name() const { return value_->key; }

    // As a map: open_map, then take each key it may have, then close_map.

    /// Whether a map stands here, for what may be written in two forms.
    bool holds_map() const;
    /// False if it is something else (reported). Nothing at all is an empty map.
    bool open_map(std::string_view expected);
    Node take(std::string_view key);
    /// As take; its absence is reported.
    Node require(std::string_view key, std::string_view expected);
    /// Reports each key that was not taken. `planned` names keys of a later version, which deserve a plain word.
    void close_map(std::initializer_list<std::string_view> planned = {});
    /// Takes a whole map whose keys are names that the user chooses.
    std::vector<Node> named(std::string_view expected);

    /// As a list. Nothing at all is an empty list; what is no list is reported and has no items.
    std::vector<Node> items(std::string_view expected);
    /// As items; a list that is written but has none is reported.
    std::vector<Node> at_least_one_item(std::string_view expected);

    // As a scalar.

    /// The text as written, or nullopt (reported, unless absent).
    std::optional<std::string> text(std::string_view expected);
    /// `parse` makes an optional of the text; without a value the text is reported.
    template <class T, class Parse>
    bool read(T& out, std::string_view expected, Parse parse);
    void read(bool& out);
    void read(milliseconds& out, milliseconds min, milliseconds max);
    void read(microseconds& out, microseconds min, microseconds max);
    template <class Unsigned>
    void read_number(Unsigned& out, std::uint64_t min, std::uint64_t max);
    void read_bytes(std::size_t& out, std::uint64_t min, std::uint64_t max);
    template <class Enum>
    void read_one_of(Enum& out, std::initializer_list<std::pair<std::string_view, Enum>> names);

    /// Reports this value.
    void report(std::string found, std::string_view expected);
    /// What is there, for report: "nothing", "a list", "a map" or the scalar in quotes.
    std::string found() const;

  private:
    Node(const YamlValue* value, std::string path, std::string pattern, Where where, Reading& reading);
    std::string child_path(std::string_view key) const;
    std::optional<std::uint64_t> unsigned_value(std::uint64_t min, std::uint64_t max);

    const YamlValue* value_;  // null = absent
    std::string path_;        // routes.0.path
    std::string pattern_;     // routes[].path
    Where where_;             // its own, or, absent, of what contains it
    Reading* reading_;
    std::vector<std::string> taken_;
    bool is_map_ = false;
};

template <class T, class Parse>
bool Node::read(T& out, std::string_view expected, Parse parse) {
    const auto written = text(expected);
    if (!written) return false;
    auto value = parse(*written);
    if (!value) {
        report(found(), expected);
        return false;
    }
    out = std::move(*value);
    return true;
}

template <class Unsigned>
void Node::read_number(Unsigned& out, std::uint64_t min, std::uint64_t max) {
    static_assert(std::numeric_limits<Unsigned>::is_integer && !std::numeric_limits<Unsigned>::is_signed);
    if (const auto value = unsigned_value(min, max)) out = static_cast<Unsigned>(*value);
}

template <class Enum>
void Node::read_one_of(Enum& out, std::initializer_list<std::pair<std::string_view, Enum>> names) {
    std::vector<std::string> known;
    for (const auto& entry : names) known.emplace_back(entry.first);
    read(out, "one of " + join(known), [&](std::string_view written) -> std::optional<Enum> {
        for (const auto& entry : names) {
            if (entry.first == written) return entry.second;
        }
        return std::nullopt;
    });
}

}  // namespace trunkline::config
