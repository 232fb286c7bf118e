#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace trunkline::load {

/// What a client says of itself in its address: the value of `name` in `a=1&b=2`, as it stands there; empty if it is
/// not there.
inline std::string_view value_of(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const auto part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        if (part.size() > name.size() && part.starts_with(name) && part[name.size()] == '=') {
            return part.substr(name.size() + 1);
        }
    }
    return {};
}

inline std::int64_t number_of(std::string_view query, std::string_view name, std::int64_t otherwise) {
    const std::string text(value_of(query, name));
    return text.empty() ? otherwise : std::strtoll(text.c_str(), nullptr, 10);
}

}  // namespace trunkline::load
