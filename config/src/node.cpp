#include "config/node.hpp"

#include <algorithm>

#include "config/units.hpp"

namespace trunkline::config {

namespace {

using Kind = YamlValue::Kind;

std::string range(const std::string& min, const std::string& max) { return " from " + min + " to " + max; }

}  // namespace

void Reading::report(const Where& where, std::string key, std::string found, std::string expected) {
    problems.push_back({where.origin.empty() ? file : where.origin, where.line, where.column, std::move(key),
                        std::move(found), std::move(expected)});
}

void Reading::report_at(const std::string& key, std::string found, std::string expected) {
    std::string near = key;
    auto it = places.find(near);
    while (it == places.end() && !near.empty()) {
        const std::size_t dot = near.rfind('.');
        near.resize(dot == std::string::npos ? 0 : dot);
        it = places.find(near);
    }
    report(it == places.end() ? Where{} : it->second, key, std::move(found), std::move(expected));
}

Node::Node(const YamlValue* root, Reading& reading) : Node(root, {}, {}, root->where, reading) {}

Node::Node(const YamlValue* value, std::string path, std::string pattern, Where where, Reading& reading)
    : value_(value),
      path_(std::move(path)),
      pattern_(std::move(pattern)),
      where_(std::move(where)),
      reading_(&reading) {
    if (value_ != nullptr) reading_->places[path_] = where_;
}

std::string Node::child_path(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

bool Node::holds_map() const { return value_ != nullptr && value_->kind == Kind::map; }

bool Node::open_map(std::string_view expected) {
    if (value_ == nullptr || value_->kind == Kind::null) {
        is_map_ = true;
        return true;
    }
    if (value_->kind != Kind::map) {
        report(found(), expected);
        return false;
    }
    is_map_ = true;
    std::map<std::string_view, const YamlValue*> first;
    for (const auto& child : value_->children) {
        const auto [it, is_first] = first.emplace(child.key, &child);
        if (is_first) continue;
        reading_->report(child.key_where, child_path(child.key), "the key a second time",
                         "it once (first on line " + std::to_string(it->second->key_where.line) + ")");
    }
    return true;
}

Node Node::take(std::string_view key) {
    std::string pattern = pattern_.empty() ? std::string(key) : pattern_ + "." + std::string(key);
    reading_->keys.insert(pattern);
    taken_.emplace_back(key);
    const YamlValue* child = nullptr;
    if (is_map_ && value_ != nullptr) {
        const auto it = std::find_if(value_->children.begin(), value_->children.end(),
                                     [&](const YamlValue& candidate) { return candidate.key == key; });
        if (it != value_->children.end()) child = &*it;
    }
    return {child, child_path(key), std::move(pattern), child != nullptr ? child->where : where_, *reading_};
}

Node Node::require(std::string_view key, std::string_view expected) {
    Node child = take(key);
    if (child.is_absent() && is_map_) child.report("nothing", expected);
    return child;
}

void Node::close_map(std::initializer_list<std::string_view> planned) {
    if (!is_map_ || value_ == nullptr) return;
    std::vector<std::string> known = taken_;
    std::sort(known.begin(), known.end());
    std::set<std::string_view> seen;
    for (const auto& child : value_->children) {
        if (std::binary_search(known.begin(), known.end(), child.key) || !seen.insert(child.key).second) continue;
        std::string expected = "one of " + join(known);
        std::string found = "an unknown key";
        if (std::find(planned.begin(), planned.end(), child.key) != planned.end()) {
            found = "a key that this version does not know yet";
        } else if (const std::string close = closest(child.key, known); !close.empty()) {
            expected += "; did you mean " + close + "?";
        }
        reading_->report(child.key_where, child_path(child.key), std::move(found), std::move(expected));
    }
}

std::vector<Node> Node::named(std::string_view expected) {
    std::vector<Node> out;
    if (!open_map(expected) || value_ == nullptr) return out;
    for (const auto& child : value_->children)
        out.push_back({&child, child_path(child.key), pattern_ + ".<name>", child.where, *reading_});
    return out;
}

std::vector<Node> Node::items(std::string_view expected) {
    std::vector<Node> out;
    if (value_ == nullptr || value_->kind == Kind::null) return out;
    if (value_->kind != Kind::list) {
        report(found(), expected);
        return out;
    }
    for (std::size_t i = 0; i < value_->children.size(); ++i) {
        const YamlValue& child = value_->children[i];
        out.push_back({&child, child_path(std::to_string(i)), pattern_ + "[]", child.where, *reading_});
    }
    return out;
}

std::vector<Node> Node::at_least_one_item(std::string_view expected) {
    const bool is_list = value_ != nullptr && (value_->kind == Kind::null || value_->kind == Kind::list);
    if (is_list && value_->children.empty()) report("none", expected);
    return items(expected);
}

std::optional<std::string> Node::text(std::string_view expected) {
    if (value_ == nullptr) return std::nullopt;
    if (value_->kind != Kind::scalar) {
        report(found(), expected);
        return std::nullopt;
    }
    return value_->text;
}

void Node::read(bool& out) {
    read(out, "true or false", [this](std::string_view written) -> std::optional<bool> {
        if (value_->quoted) return std::nullopt;
        if (written == "true") return true;
        if (written == "false") return false;
        return std::nullopt;
    });
}

void Node::read(milliseconds& out, milliseconds min, milliseconds max) {
    read(out, "a duration with its unit, such as 30s or 250ms," + range(format_duration(min), format_duration(max)),
         [&](std::string_view written) {
             auto value = parse_duration(written);
             if (value && (*value < min || *value > max)) value.reset();
             return value;
         });
}

void Node::read(microseconds& out, microseconds min, microseconds max) {
    read(out,
         "a duration with its unit, such as 1ms or 200us," +
             range(format_short_duration(min), format_short_duration(max)),
         [&](std::string_view written) {
             auto value = parse_short_duration(written);
             if (value && (*value < min || *value > max)) value.reset();
             return value;
         });
}

void Node::read_bytes(std::size_t& out, std::uint64_t min, std::uint64_t max) {
    read(out, "a size such as 64KiB, 1MiB or 4096," + range(format_bytes(min), format_bytes(max)),
         [&](std::string_view written) {
             auto value = parse_bytes(written);
             if (value && (*value < min || *value > max)) value.reset();
             return value;
         });
}

std::optional<std::uint64_t> Node::unsigned_value(std::uint64_t min, std::uint64_t max) {
    std::uint64_t out = 0;
    const bool is_read =
        read(out, "a whole number" + range(std::to_string(min), std::to_string(max)), [&](std::string_view written) {
            auto value = value_->quoted ? std::nullopt : parse_number(written);
            if (value && (*value < min || *value > max)) value.reset();
            return value;
        });
    return is_read ? std::optional(out) : std::nullopt;
}

void Node::report(std::string found, std::string_view expected) {
    reading_->report(where_, path_, std::move(found), std::string(expected));
}

std::string Node::found() const {
    if (value_ == nullptr || value_->kind == Kind::null) return "nothing";
    if (value_->kind == Kind::list) return "a list";
    if (value_->kind == Kind::map) return "a map";
    return quote(value_->text);
}

}  // namespace trunkline::config
