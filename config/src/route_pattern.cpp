#include "config/route_pattern.hpp"

#include <cstddef>
#include <set>

#include "config/problem.hpp"

namespace trunkline::config {

namespace {

constexpr std::size_t kMaxPatternBytes = 1024;

bool is_parameter_name(std::string_view name) {
    if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
    for (const char c : name) {
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
    }
    return true;
}

bool is_parameter(std::string_view segment) {
    return segment.size() >= 2 && segment.front() == '{' && segment.back() == '}';
}

/// Calls `visit(segment, is_last)` for each text between slashes until it answers false.
template <class Visit>
void for_each_segment(std::string_view pattern, Visit visit) {
    while (!pattern.empty()) {
        pattern.remove_prefix(1);
        const std::size_t end = pattern.find('/');
        if (!visit(pattern.substr(0, end), end == std::string_view::npos)) return;
        if (end == std::string_view::npos) return;
        pattern.remove_prefix(end);
    }
}

std::string segment_error(std::string_view segment, bool is_last) {
    if (segment.empty()) return is_last ? "" : "an empty segment";
    if (segment == "." || segment == "..") return "the segment " + quote(segment);
    if (segment == "*") return is_last ? "" : "a * before the end";
    if (is_parameter(segment)) {
        const std::string_view name = segment.substr(1, segment.size() - 2);
        return is_parameter_name(name) ? "" : "the parameter name " + quote(name);
    }
    for (const char c : segment) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '%') return "a percent escape (write the character itself)";
        if (c == '*') return "a * that is not the whole last segment";
        if (c == '{' || c == '}') return "a { or } that does not enclose a whole segment";
        if (c == '?' || c == '#') return "a query or fragment";
        if (c == '\\') return "a backslash";
        if (byte < 0x20 || byte == 0x7f) return "a control character";
    }
    return {};
}

}  // namespace

std::string route_pattern_error(std::string_view pattern) {
    if (pattern.empty() || pattern.front() != '/') return "no / at its start";
    if (pattern.size() > kMaxPatternBytes) return "more than " + std::to_string(kMaxPatternBytes) + " bytes";
    std::string error;
    std::set<std::string_view> parameters;
    for_each_segment(pattern, [&](std::string_view segment, bool is_last) {
        error = segment_error(segment, is_last);
        if (error.empty() && is_parameter(segment) && !parameters.insert(segment).second)
            error = "the parameter " + quote(segment) + " twice";
        return error.empty();
    });
    return error;
}

std::string route_shape(std::string_view pattern) {
    std::string shape;
    for_each_segment(pattern, [&](std::string_view segment, bool) {
        shape += '/';
        shape += is_parameter(segment) ? std::string_view("{}") : segment;
        return true;
    });
    return shape;
}

}  // namespace trunkline::config
