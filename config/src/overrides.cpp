#include "config/overrides.hpp"

#include <algorithm>
#include <optional>

#include "config/units.hpp"
#include "trunkline/protocol/ascii.hpp"

namespace trunkline::config {

namespace {

using Kind = YamlValue::Kind;

constexpr std::string_view kPrefix = "TRUNKLINE__";
constexpr std::size_t kMaxLevels = 16;

/// The levels of a key, or nothing if one of them is empty or there are too many.
std::vector<std::string> split(std::string_view key, std::string_view separator) {
    std::vector<std::string> levels;
    for (;;) {
        const std::size_t end = key.find(separator);
        const std::string_view level = key.substr(0, end);
        if (level.empty() || levels.size() == kMaxLevels) return {};
        levels.emplace_back(level);
        if (end == std::string_view::npos) return levels;
        key.remove_prefix(end + separator.size());
    }
}

void set_origin(YamlValue& value, const Where& where) {
    value.where = where;
    value.key_where = where;
    for (auto& child : value.children) set_origin(child, where);
}

class Override {
  public:
    Override(std::string origin, Reading& reading) : where_{std::move(origin), 0, 0}, reading_(reading) {}

    void report(std::string key, std::string found, std::string expected) {
        reading_.report(where_, std::move(key), std::move(found), std::move(expected));
    }

    void apply(YamlValue& root, const std::vector<std::string>& levels, const std::string& text) {
        const auto value = parse(levels, text);
        if (!value) return;
        YamlValue* at = &root;
        for (std::size_t i = 0; i < levels.size(); ++i) {
            at = descend(*at, levels, i);
            if (at == nullptr) return;
        }
        at->kind = value->kind;
        at->quoted = value->quoted;
        at->where = value->where;
        at->text = value->text;
        at->children = value->children;
    }

  private:
    std::optional<YamlValue> parse(const std::vector<std::string>& levels, const std::string& text) {
        YamlValue value;
        if (text.starts_with('[') || text.starts_with('{')) {
            std::vector<Problem> problems;
            value = parse_yaml(text, where_.origin, problems);
            if (!problems.empty()) {
                report(join(levels, "."), problems.front().found, problems.front().expected);
                return std::nullopt;
            }
        } else {
            value.kind = Kind::scalar;
            value.text = text;
        }
        set_origin(value, where_);
        return value;
    }

    /// The child of `at` for the i-th level, made if there is none.
    YamlValue* descend(YamlValue& at, const std::vector<std::string>& levels, std::size_t i) {
        const std::string& level = levels[i];
        const auto index = parse_number(level);
        if (at.kind == Kind::null) at.kind = index ? Kind::list : Kind::map;
        if (at.kind == Kind::map) {
            for (auto& child : at.children) {
                if (child.key == level) return &child;
            }
        } else if (at.kind == Kind::list) {
            if (!index || *index > at.children.size()) {
                report(join(levels, "."), quote(level), "an index from 0 to " + std::to_string(at.children.size()));
                return nullptr;
            }
            if (*index < at.children.size()) return &at.children[*index];
        } else {
            report(join(levels, "."), "no map or list above " + quote(level), "the path of a setting");
            return nullptr;
        }
        YamlValue child;
        child.where = where_;
        if (at.kind == Kind::map) child.key = level;
        child.key_where = where_;
        at.children.push_back(std::move(child));
        return &at.children.back();
    }

    Where where_;
    Reading& reading_;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> relevant_environment(const char* const* environ) {
    std::vector<std::pair<std::string, std::string>> out;
    for (; environ != nullptr && *environ != nullptr; ++environ) {
        const std::string_view variable = *environ;
        const std::size_t equals = variable.find('=');
        if (!variable.starts_with(kPrefix) || equals == std::string_view::npos) continue;
        out.emplace_back(variable.substr(0, equals), variable.substr(equals + 1));
    }
    return out;
}

bool is_assignment(std::string_view text) {
    const std::size_t equals = text.find('=');
    return equals != std::string_view::npos && !split(text.substr(0, equals), ".").empty();
}

void apply(const Overrides& overrides, YamlValue& root, Reading& reading) {
    // Sorted, so that a whole (`A__B`) comes before its parts (`A__B__0`) whatever the order in the environment.
    auto environment = overrides.environment;
    std::sort(environment.begin(), environment.end());
    for (const auto& [name, value] : environment) {
        if (!name.starts_with(kPrefix)) continue;
        Override override_("environment " + name, reading);
        const auto levels = split(protocol::to_lower(std::string_view(name).substr(kPrefix.size())), "__");
        if (levels.empty()) {
            override_.report({}, "an empty level in its name", "TRUNKLINE__SECTION__KEY");
        } else {
            override_.apply(root, levels, value);
        }
    }
    for (const auto& set : overrides.sets) {
        Override override_("--set", reading);
        if (!is_assignment(set)) {
            override_.report({}, quote(set), "key=value");
            continue;
        }
        const std::size_t equals = set.find('=');
        override_.apply(root, split(std::string_view(set).substr(0, equals), "."), set.substr(equals + 1));
    }
}

}  // namespace trunkline::config
