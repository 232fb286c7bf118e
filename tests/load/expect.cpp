#include "tests/load/expect.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace trunkline::load {
namespace {

struct Unit {
    std::string_view name;
    double nanoseconds;
};
constexpr std::array<Unit, 5> kUnits{{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}}};

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

/// The number at the front of `text`, which is cut off it; nothing if there is none.
std::optional<double> take_number(std::string_view& text) {
    const auto end = std::min(text.find_first_not_of("0123456789."), text.size());
    if (end == 0) return std::nullopt;
    const std::string digits(text.substr(0, end));
    char* stop = nullptr;
    const double value = std::strtod(digits.c_str(), &stop);
    if (*stop != '\0' || !std::isfinite(value)) return std::nullopt;
    text.remove_prefix(end);
    return value;
}

bool is_time(const std::string& name) { return name == "max" || name.front() == 'p'; }

}  // namespace

bool Expectation::holds(double measured) const noexcept {
    switch (op) {
        case Op::less: return measured < value;
        case Op::at_most: return measured <= value;
        case Op::equal: return measured == value;
        case Op::at_least: return measured >= value;
        case Op::greater: return measured > value;
    }
    return false;
}

const std::vector<std::string>& expectation_names() {
    static const std::vector<std::string> kNames{"p50",          "p90",     "p99",          "p99.9",       "max",
                                                 "missing",      "doubled", "out_of_order", "changed",     "stranded",
                                                 "misdelivered", "closed",  "refused",      "rate",        "received",
                                                 "uncertain",    "cpu_us",  "client_bytes", "connect_rate"};
    return kNames;
}

std::optional<double> parse_duration(std::string_view text) {
    text = trim(text);
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    for (const Unit& unit : kUnits) {
        if (text == unit.name) return *number * unit.nanoseconds;
    }
    return std::nullopt;
}

std::string show_duration(double nanoseconds) {
    const Unit* best = &kUnits[0];
    for (const Unit& unit : kUnits) {
        if (unit.name != "m" && nanoseconds >= unit.nanoseconds) best = &unit;
    }
    char text[32];
    const double value = nanoseconds / best->nanoseconds;
    std::snprintf(text, sizeof text,
                  value < 10    ? "%.2f %.*s"
                  : value < 100 ? "%.1f %.*s"
                                : "%.0f %.*s",
                  value, static_cast<int>(best->name.size()), best->name.data());
    return text;
}

std::optional<std::string> parse_expectations(std::string_view text, std::vector<Expectation>& out) {
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        const auto one = trim(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
        const auto at = one.find_first_of("<>=");
        if (at == one.npos)
            return "'" + std::string(one) + "': expected NAME followed by <, <=, =, >= or > and a value";
        Expectation expectation;
        expectation.text = one;
        expectation.name = trim(one.substr(0, at));
        auto rest = one.substr(at + 1);
        const bool or_equal = rest.starts_with('=');
        if (or_equal) rest.remove_prefix(1);
        using Op = Expectation::Op;
        expectation.op = one[at] == '<'   ? (or_equal ? Op::at_most : Op::less)
                         : one[at] == '>' ? (or_equal ? Op::at_least : Op::greater)
                                          : Op::equal;
        const auto& names = expectation_names();
        if (std::find(names.begin(), names.end(), expectation.name) == names.end()) {
            std::string known;
            for (const auto& name : names) known += (known.empty() ? "" : ", ") + name;
            return "'" + expectation.name + "' is not measured; expected one of " + known;
        }
        if (is_time(expectation.name)) {
            const auto value = parse_duration(rest);
            if (!value) return "'" + std::string(one) + "': expected a duration such as 50ms behind the comparison";
            expectation.value = *value;
        } else {
            rest = trim(rest);
            const auto value = take_number(rest);
            if (!value || !rest.empty()) return "'" + std::string(one) + "': expected a number behind the comparison";
            expectation.value = *value;
        }
        out.push_back(std::move(expectation));
    }
    return std::nullopt;
}

std::vector<std::string> unmet(const std::vector<Expectation>& expectations,
                               const std::function<double(const std::string&)>& measure) {
    std::vector<std::string> texts;
    for (const auto& expectation : expectations) {
        const double measured = measure(expectation.name);
        if (expectation.holds(measured)) continue;
        if (std::isnan(measured)) {
            texts.push_back(expectation.text + ": it was not measured");
            continue;
        }
        char number[32];
        std::snprintf(number, sizeof number, "%g", measured);
        texts.push_back(expectation.text + ": it was " +
                        (is_time(expectation.name) ? show_duration(measured) : number));
    }
    return texts;
}

}  // namespace trunkline::load
