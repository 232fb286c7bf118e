#include "config/loader.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "config/src/read_settings.hpp"
#include "config/validate.hpp"

namespace trunkline::config {

namespace {

std::string default_proxy_id(const Settings& settings) {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') name = {'p', 'r', 'o', 'x', 'y'};
    return std::string(name.data()) + ":" + std::to_string(settings.listeners.front().port);
}

/// One per core; where there are two or fewer the kernel and the app servers need the other one.
unsigned default_workers() {
    const unsigned cores = std::thread::hardware_concurrency();
    return cores <= 2 ? 1 : cores;
}

LoadResult finish(Settings settings, Reading reading) {
    LoadResult result;
    result.problems = std::move(reading.problems);
    // In the order of the file; the overrides after it.
    const auto rank = [&](const Problem& problem) {
        return std::tuple(problem.source != reading.file, problem.line, problem.column);
    };
    std::stable_sort(result.problems.begin(), result.problems.end(),
                     [&](const Problem& a, const Problem& b) { return rank(a) < rank(b); });
    if (!result.problems.empty()) return result;
    if (settings.proxy_id.empty()) settings.proxy_id = default_proxy_id(settings);
    if (settings.workers == 0) settings.workers = default_workers();
    result.settings = std::move(settings);
    return result;
}

/// The configuration file itself may be a pipe (`trunkline check <(…)`), so it is read to its end, or to one byte
/// beyond the limit. Nullopt, and why, if it cannot be read.
std::optional<std::string> read_document(const std::filesystem::path& path, std::string& why) {
    std::error_code ec;
    std::ifstream in;
    errno = 0;
    if (std::filesystem::is_directory(path, ec)) {
        errno = EISDIR;
    } else {
        in.open(path, std::ios::binary);
    }
    std::string content(kMaxFileBytes + 1, '\0');
    if (in.is_open()) in.read(content.data(), static_cast<std::streamsize>(content.size()));
    if (!in.is_open() || in.bad()) {
        why = std::generic_category().message(errno != 0 ? errno : EIO);
        return std::nullopt;
    }
    content.resize(static_cast<std::size_t>(in.gcount()));
    return content;
}

}  // namespace

LoadResult load_text(const std::string& text, const std::filesystem::path& file, const Overrides& overrides,
                     FileAccess access) {
    Reading reading;
    reading.file = file.string();
    YamlValue root = parse_yaml(text, reading.file, reading.problems);
    // What was not even parsed is not said to lack anything.
    if (!reading.problems.empty()) return finish({}, std::move(reading));
    if (root.where.line == 0) root.where = {{}, 1, 1};
    apply(overrides, root, reading);

    std::error_code ec;
    const auto directory = std::filesystem::absolute(file, ec).parent_path();
    Settings settings = read_settings(root, directory, access, reading);
    validate(settings, reading);
    return finish(std::move(settings), std::move(reading));
}

LoadResult load(const std::filesystem::path& file, const Overrides& overrides) {
    std::string why;
    const auto text = read_document(file, why);
    if (text) return load_text(*text, file, overrides, FileAccess::allowed);
    LoadResult result;
    result.problems.push_back(
        {file.string(), 0, 0, {}, "nothing that can be read (" + why + ")", "a configuration file"});
    return result;
}

std::set<std::string> known_keys() {
    // One of each thing that has keys of its own; what is wrong with them does not matter here.
    Reading reading;
    const YamlValue root =
        parse_yaml("{listeners: [{}], upstreams: {x: {app_servers: [{}]}}, routes: [{}]}", {}, reading.problems);
    read_settings(root, "/", FileAccess::none, reading);
    return reading.keys;
}

}  // namespace trunkline::config
