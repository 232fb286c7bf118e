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
    : x_value(value),
      x_path(std::move(path)),
      x_pattern(std::move(pattern)),
      x_where(std::move(where)),
      x_reading(&reading) {
    if (x_value != nullptr) x_reading->places[x_path] = x_where;
}

std::string Node::child_path(std::string_view key) const {
    return x_path.empty() ? std::string(key) : x_path + "." + std::string(key);
}

bool Node::open_map(std::string_view expected) {
    if (x_value == nullptr || x_value->kind == Kind::null) {
        x_is_map = true;
        return true;
    }
    if (x_value->kind != Kind::map) {
        report(found(), expected);
        return false;
    }
    x_is_map = true;
    std::map<std::string_view, const YamlValue*> first;
    for (const auto& child : x_value->children) {
        const auto [it, is_first] = first.emplace(child.key, &child);
        if (is_first) continue;
        x_reading->report(child.key_where, child_path(child.key), "the key a second time",
                          "it once (first on line " + std::to_string(it->second->key_where.line) + ")");
    }
    return true;
}

Node Node::take(std::string_view key) {
    std::string pattern = x_pattern.empty() ? std::string(key) : x_pattern + "." + std::string(key);
    x_reading->keys.insert(pattern);
    x_taken.emplace_back(key);
    const YamlValue* child = nullptr;
    if (x_is_map && x_value != nullptr) {
        const auto it = std::find_if(x_value->children.begin(), x_value->children.end(),
                                     [&](const YamlValue& candidate) { return candidate.key == key; });
        if (it != x_value->children.end()) child = &*it;
    }
    return {child, child_path(key), std::move(pattern), child != nullptr ? child->where : x_where, *x_reading};
}

Node Node::require(std::string_view key, std::string_view expected) {
    Node child = take(key);
    if (child.is_absent() && x_is_map) child.report("nothing", expected);
    return child;
}

void Node::close_map(std::initializer_list<std::string_view> planned) {
    if (!x_is_map || x_value == nullptr) return;
    std::vector<std::string> known = x_taken;
    std::sort(known.begin(), known.end());
    std::set<std::string_view> seen;
    for (const auto& child : x_value->children) {
        if (std::binary_search(known.begin(), known.end(), child.key) || !seen.insert(child.key).second) continue;
        std::string expected = "one of " + join(known);
        std::string found = "an unknown key";
        if (std::find(planned.begin(), planned.end(), child.key) != planned.end()) {
            found = "a key that this version does not know yet";
        } else if (const std::string close = closest(child.key, known); !close.empty()) {
            expected += "; did you mean " + close + "?";
        }
        x_reading->report(child.key_where, child_path(child.key), std::move(found), std::move(expected));
    }
}

std::vector<Node> Node::named(std::string_view expected) {
    std::vector<Node> out;
    if (!open_map(expected) || x_value == nullptr) return out;
    for (const auto& child : x_value->children)
        out.push_back({&child, child_path(child.key), x_pattern + ".<name>", child.where, *x_reading});
    return out;
}

std::vector<Node> Node::items(std::string_view expected) {
    std::vector<Node> out;
    if (x_value == nullptr || x_value->kind == Kind::null) return out;
    if (x_value->kind != Kind::list) {
        report(found(), expected);
        return out;
    }
    for (std::size_t i = 0; i < x_value->children.size(); ++i) {
        const YamlValue& child = x_value->children[i];
        out.push_back({&child, child_path(std::to_string(i)), x_pattern + "[]", child.where, *x_reading});
    }
    return out;
}

std::vector<Node> Node::at_least_one_item(std::string_view expected) {
    const bool is_list = x_value != nullptr && (x_value->kind == Kind::null || x_value->kind == Kind::list);
    if (is_list && x_value->children.empty()) report("none", expected);
    return items(expected);
}

std::optional<std::string> Node::text(std::string_view expected) {
    if (x_value == nullptr) return std::nullopt;
    if (x_value->kind != Kind::scalar) {
        report(found(), expected);
        return std::nullopt;
    }
    return x_value->text;
}

void Node::read(bool& out) {
    read(out, "true or false", [this](std::string_view written) -> std::optional<bool> {
        if (x_value->quoted) return std::nullopt;
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
            auto value = x_value->quoted ? std::nullopt : parse_number(written);
            if (value && (*value < min || *value > max)) value.reset();
            return value;
        });
    return is_read ? std::optional(out) : std::nullopt;
}

void Node::report(std::string found, std::string_view expected) {
    x_reading->report(x_where, x_path, std::move(found), std::string(expected));
}

std::string Node::found() const {
    if (x_value == nullptr || x_value->kind == Kind::null) return "nothing";
    if (x_value->kind == Kind::list) return "a list";
    if (x_value->kind == Kind::map) return "a map";
    return quote(x_value->text);
}

}  // namespace trunkline::config
