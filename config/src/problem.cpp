#include "config/problem.hpp"

#include <algorithm>
#include <cstddef>

#include "trunkline/protocol/utf8.hpp"

namespace trunkline::config {

namespace {

constexpr std::size_t kShownValueBytes = 60;
constexpr std::size_t kShownKeyBytes = 200;

/// `text`, cut after `limit` bytes (but not inside a UTF-8 character), with ? for control characters.
std::string printable(std::string_view text, std::size_t limit) {
    const std::string_view shown = protocol::utf8_prefix(text, limit);
    std::string out;
    for (const char c : shown) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    return shown.size() < text.size() ? out + "..." : out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

}  // namespace

std::string Problem::to_string() const {
    std::string text = source;
    if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
    text += ": ";
    if (!key.empty()) text += printable(key, kShownKeyBytes) + ": ";
    text += "found " + found + ", expected " + expected;
    return printable(text, text.size());
}

std::string quote(std::string_view text) { return '"' + printable(text, kShownValueBytes) + '"'; }

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string out;
    for (const auto& part : parts) {
        if (!out.empty()) out += separator;
        out += part;
    }
    return out;
}

std::string closest(std::string_view word, const std::vector<std::string>& candidates) {
    if (word.size() > 64) return {};
    std::string best;
    std::size_t best_distance = word.size() < 4 ? 2 : 3;  // the first distance that is too far
    for (const auto& candidate : candidates) {
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace trunkline::config
