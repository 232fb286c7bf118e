#include "tests/load/server_side.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

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
    std::string answer;
    char block[16384];
    for (ssize_t n = 0; (n = ::recv(fd.get(), block, sizeof block, 0)) > 0;)
        answer.append(block, static_cast<std::size_t>(n));
    return answer;
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
    Usage usage;
    if (options_.metrics) {
        const auto page = get(*options_.metrics);
        const auto cpu = page ? metric_value(*page, "process_cpu_seconds_total") : std::nullopt;
        const auto memory = page ? metric_value(*page, "process_resident_memory_bytes") : std::nullopt;
        if (!cpu || !memory) return std::nullopt;
        usage = {*cpu, static_cast<std::uint64_t>(*memory)};
    } else if (options_.pids.empty()) {
        return std::nullopt;
    }
    for (const int pid : options_.pids) {
        const auto process = std::filesystem::path("/proc") / std::to_string(pid);
        const auto cpu = cpu_of(process);
        if (!cpu) return std::nullopt;
        usage.cpu_seconds += *cpu;
        std::istringstream statm(content_of(process / "statm"));
        std::uint64_t pages = 0;
        statm >> pages >> pages;
        usage.resident_bytes += pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    }
    return usage;
}

}  // namespace trunkline::load
