#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trunkline::load {

/// One of `--expect 'p99<50ms,missing=0'`.
struct Expectation {
    enum class Op { less, at_most, equal, at_least, greater };

    std::string name;
    Op op = Op::equal;
    double value = 0;  ///< times in nanoseconds
    std::string text;  ///< as it was written

    bool holds(double measured) const noexcept;
};

/// All names that may stand in an expectation.
const std::vector<std::string>& expectation_names();

/// What is wrong, or nothing; `out` gets the expectations of the comma-separated list.
std::optional<std::string> parse_expectations(std::string_view text, std::vector<Expectation>& out);

/// The texts of those that `measure(name)` does not meet, each with what was measured.
std::vector<std::string> unmet(const std::vector<Expectation>& expectations,
                               const std::function<double(const std::string&)>& measure);

/// `12.3ms`, `850us`, `4s`: a duration in nanoseconds; a plain number is none. Nothing if it is not one or below zero.
std::optional<double> parse_duration(std::string_view text);
std::string show_duration(double nanoseconds);

}  // namespace trunkline::load
