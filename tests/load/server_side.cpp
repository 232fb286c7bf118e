#include "tests/load/server_side.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "net/resolve.hpp"
#include "net/unique_fd.hpp"

namespace trunkline::load {
namespace {

std::string content_of(const std::filesystem::path& path) {
    std::ifstream in(path);
    std::ostringstream out;
    out << in.rdbuf();
    return std::move(out).str();
}

/// By the scheduler's nanoseconds where the kernel has them: a tick is 10 ms.
std::optional<double> cpu_of(const std::filesystem::path& process) {
    std::error_code ec;
    std::uint64_t total = 0;
    for (const auto& task : std::filesystem::directory_iterator(process / "task", ec)) {
        total += std::strtoull(content_of(task.path() / "schedstat").c_str(), nullptr, 10);
    }
    if (ec) return std::nullopt;
    if (total != 0) return static_cast<double>(total) * 1e-9;
    const auto stat = content_of(process / "stat");
    std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 2, stat.size())));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0, system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// The page of a small HTTP/1.0 request; nothing if it does not come within a second.
std::optional<std::string> get(const Url& url) {
    const auto to = net::SocketAddress::of(*net::resolve_without_lookup(net::Endpoint::tcp(url.host, url.port)));
    const net::UniqueFd fd(::socket(to->family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval limit{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(fd.get(), to->data(), to->length) != 0) return std::nullopt;
    const std::string request =
        "GET " + url.path + " HTTP/1.0\r\nHost: " + url.host + ":" + std::to_string(url.port) + "\r\n\r\n";
    if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return std::nullopt;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    std::string answer;
    char block[16384];
    for (ssize_t n = 0; (n = ::recv(fd.get(), block, sizeof block, 0)) > 0;) {
        if (std::chrono::steady_clock::now() > until) return std::nullopt;
        answer.append(block, static_cast<std::size_t>(n));
    }
    return answer;
}

double growth(const Usage& from, const Usage& to) {
    return static_cast<double>(to.resident_bytes) - static_cast<double>(from.resident_bytes);
}

}  // namespace

std::optional<double> metric_value(const std::string& page, const std::string& name) {
    for (std::size_t at = page.find(name); at != page.npos; at = page.find(name, at + 1)) {
        const bool begins = at == 0 || page[at - 1] == '\n';
        if (begins && at + name.size() < page.size() && page[at + name.size()] == ' ') {
            return std::strtod(page.c_str() + at + name.size() + 1, nullptr);
        }
    }
    return std::nullopt;
}

std::optional<Usage> ServerSide::sample() const {
    Usage all;
    if (options_.metrics) {
        const auto page = get(*options_.metrics);
        const auto cpu = page ? metric_value(*page, "process_cpu_seconds_total") : std::nullopt;
        const auto memory = page ? metric_value(*page, "process_resident_memory_bytes") : std::nullopt;
        if (!cpu || !memory) return std::nullopt;
        all.cpu_seconds = *cpu;
        all.resident_bytes = static_cast<std::uint64_t>(*memory);
    } else if (options_.pids.empty()) {
        return std::nullopt;
    }
    for (const int pid : options_.pids) {
        const auto process = std::filesystem::path("/proc") / std::to_string(pid);
        const auto cpu = cpu_of(process);
        if (!cpu) return std::nullopt;
        std::istringstream statm(content_of(process / "statm"));
        std::uint64_t pages = 0;
        statm >> pages >> pages;
        Usage one;
        one.cpu_seconds = *cpu;
        one.resident_bytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        all.cpu_seconds += one.cpu_seconds;
        all.resident_bytes += one.resident_bytes;
        all.processes.push_back(one);
    }
    return all;
}

bool ServerWatch::begin(std::int64_t now_ns) {
    const auto usage = side_.sample();
    if (usage) samples_.push_back({now_ns, *usage, 0});
    return usage.has_value();
}

void ServerWatch::look(std::int64_t now_ns, std::uint64_t clients) {
    if (samples_.empty() || is_lost_ || now_ns - samples_.back().at_ns < 1'000'000'000) return;
    const auto usage = side_.sample();
    is_lost_ = !usage;
    if (usage) samples_.push_back({now_ns, *usage, clients});
}

void ServerWatch::end_measuring(std::uint64_t clients) {
    const auto usage = side_.sample();
    if (!usage || !measured_from_) return;
    measured_cpu_seconds_ = usage->cpu_seconds - measured_from_->cpu_seconds;
    bytes_per_client_ = growth_per_client(*usage, clients);
    for (std::size_t i = 0; i < options_.pids.size(); ++i) {
        const Usage& before = samples_.front().usage.processes[i];
        const Usage& from = measured_from_->processes[i];
        const Usage& until = usage->processes[i];
        processes_.push_back({options_.pids[i], from.cpu_seconds - before.cpu_seconds,
                              until.cpu_seconds - from.cpu_seconds, growth(before, until)});
    }
}

std::optional<double> ServerWatch::growth_per_client(const Usage& usage, std::uint64_t clients) const {
    if (clients == 0) return std::nullopt;
    return growth(samples_.front().usage, usage) / static_cast<double>(clients);
}

std::vector<ServerSecond> ServerWatch::seconds(std::int64_t begin_ns) const {
    std::vector<ServerSecond> seconds;
    for (std::size_t i = 1; i < samples_.size(); ++i) {
        const Sample& from = samples_[i - 1];
        const Sample& to = samples_[i];
        const double cores =
            (to.usage.cpu_seconds - from.usage.cpu_seconds) * 1e9 / static_cast<double>(to.at_ns - from.at_ns);
        seconds.push_back({static_cast<double>(to.at_ns - begin_ns) * 1e-9, cores, to.usage.resident_bytes,
                           growth_per_client(to.usage, to.clients)});
    }
    return seconds;
}

}  // namespace trunkline::load
