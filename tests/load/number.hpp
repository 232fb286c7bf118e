#pragma once

#include <cstdint>
#include <string>

namespace trunkline::load {

/// `1,234,567`.
inline std::string with_commas(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
        digits.insert(static_cast<std::size_t>(at), 1, ',');
    }
    return digits;
}

}  // namespace trunkline::load
