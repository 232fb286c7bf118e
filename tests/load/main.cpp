#include <cstdio>
#include <exception>

#include "tests/load/output_file.hpp"
#include "tests/load/report.hpp"
#include "tests/load/run.hpp"

namespace {

constexpr int kNotAsExpected = 1;
constexpr int kCouldNotRun = 3;

/// Better now than after the run.
void check_output_files(const trunkline::load::Options& options) {
    for (const auto& path : {options.json, options.csv, options.html}) {
        if (path.empty()) continue;
        const auto why = trunkline::load::why_not_writable(path);
        if (!why.empty()) throw trunkline::load::CannotRun("cannot write " + path + ": " + why);
    }
}

bool write(const std::string& path, const std::string& content) {
    if (path.empty() || trunkline::load::write_file(path, content)) return true;
    std::fprintf(stderr, "trunkline-load: cannot write %s\n", path.c_str());
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace trunkline::load;
    const auto parsed = parse_command_line(argc, argv);
    if (!parsed.options) {
        std::fputs(parsed.text.c_str(), parsed.exit_code == 0 ? stdout : stderr);
        return parsed.exit_code;
    }
    const Options& options = *parsed.options;
    try {
        check_output_files(options);
        const Report report = run(options);
        std::fputs(summary(options, report).c_str(), stdout);
        const bool is_written = write(options.json, to_json(options, report)) & write(options.csv, to_csv(report)) &
                                write(options.html, options.html.empty() ? std::string() : to_html(options, report));
        if (!is_written) return kCouldNotRun;
        return report.complaints.empty() ? 0 : kNotAsExpected;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "trunkline-load: %s\n", error.what());
        return kCouldNotRun;
    }
}
