#include "tests/load/progress_line.hpp"

#include <unistd.h>

#include <cstdio>

#include "tests/load/expect.hpp"
#include "tests/load/number.hpp"

namespace trunkline::load {

ProgressLine::~ProgressLine() {
    if (mode_ == Mode::rewritten && has_shown_) std::fputs("\n", stderr);
}

void ProgressLine::show(const std::string& what, const Progress& now, std::int64_t now_ns) {
    latency_.merge(now.latency);
    if (mode_ == Mode::silent || now_ns - shown_ns_ < 1'000'000'000) return;
    Progress to = now;
    to.latency = latency_;
    const auto line = text(what, shown_, to, static_cast<double>(now_ns - shown_ns_) * 1e-9);
    std::fprintf(stderr, mode_ == Mode::rewritten ? "\r\033[K%s" : "%s\n", line.c_str());
    std::fflush(stderr);
    has_shown_ = true;
    shown_ = now;
    shown_ns_ = now_ns;
    latency_ = {};
}

std::string ProgressLine::text(const std::string& what, const Progress& from, const Progress& to, double seconds) {
    const auto rate = [seconds](std::uint64_t before, std::uint64_t after) {
        const double per_second = static_cast<double>(after - before) / seconds;
        return with_commas(static_cast<std::uint64_t>(per_second + 0.5)) + "/s";
    };
    std::string line = what + ": " + with_commas(to.connected) + " clients";
    if (to.sent != 0) line += ", sent " + rate(from.sent, to.sent);
    if (to.received != 0) line += ", received " + rate(from.received, to.received);
    if (to.latency.count() != 0) {
        line += ", p50 " + show_duration(static_cast<double>(to.latency.percentile(0.5))) + ", p99 " +
                show_duration(static_cast<double>(to.latency.percentile(0.99)));
    }
    return line + ", " + with_commas(to.failed + to.errors) + " errors";
}

ProgressLine::Mode progress_mode(bool is_quiet) {
    if (is_quiet) return ProgressLine::Mode::silent;
    return ::isatty(STDERR_FILENO) != 0 ? ProgressLine::Mode::rewritten : ProgressLine::Mode::lines;
}

}  // namespace trunkline::load
