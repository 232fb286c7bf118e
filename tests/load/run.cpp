#include "tests/load/run.hpp"

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "tests/load/app_control.hpp"
#include "tests/load/profile.hpp"
#include "tests/load/shard.hpp"
#include "tests/load/worker.hpp"

extern char** environ;

namespace trunkline::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::size_t kSpareDescriptors = 100;

double seconds(std::int64_t ns) { return static_cast<double>(ns) * 1e-9; }

/// Raises the limit of descriptors as far as it goes.
void check_descriptors(const Options& options) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const std::size_t needed = options.clients / options.shards + 1 + kSpareDescriptors;
    if (needed <= limit.rlim_cur) return;
    const auto shards = options.clients / (limit.rlim_cur - kSpareDescriptors - 1) + 1;
    throw CannotRun(std::to_string(options.clients) + " clients need " + std::to_string(needed) +
                    " file descriptors in one process and the limit is " + std::to_string(limit.rlim_cur) +
                    ": raise it (ulimit -Hn) or spread them with --shards " + std::to_string(shards));
}

/// Commands that run beside it, and their ends.
class Events {
  public:
    explicit Events(const Options& options) : options_(options) {}
    ~Events() {
        for (const auto& running : running_) ::waitpid(running.pid, nullptr, 0);
    }

    void look(std::int64_t since_begin_ns, Report& report) {
        while (next_ < options_.events.size() && options_.events[next_].at.count() <= since_begin_ns) {
            const Event& event = options_.events[next_++];
            const char* const argv[] = {"/bin/sh", "-c", event.command.c_str(), nullptr};
            pid_t pid = -1;
            const int error = ::posix_spawn(&pid, argv[0], nullptr, nullptr, const_cast<char* const*>(argv), environ);
            report.events.emplace_back(seconds(since_begin_ns), event.command);
            if (error != 0) {
                report.complaints.push_back("'" + event.command + "' could not be started: " + std::strerror(error));
            } else {
                running_.push_back({pid, report.events.size() - 1});
            }
        }
        std::erase_if(running_, [&](const Running& running) {
            int status = 0;
            if (::waitpid(running.pid, &status, WNOHANG) != running.pid) return false;
            if (status != 0) report.events[running.event].second += " (it failed)";
            return true;
        });
    }

  private:
    struct Running {
        pid_t pid;
        std::size_t event;
    };
    const Options& options_;
    std::size_t next_ = 0;
    std::vector<Running> running_;
};

class Run {
  public:
    explicit Run(const Options& options)
        : options_(options), profile_(Profile::make(options)), server_(options), events_(options) {}

    Report run() {
        check_descriptors(options_);
        make_shards();
        connect();
        if (options_.profile == ProfileKind::connect) come_back();
        send();
        finish();
        judge();
        return std::move(report_);
    }

  private:
    void make_shards() {
        const auto clients = static_cast<std::uint32_t>(options_.clients);
        before_ = server_.sample();
        if ((options_.metrics || !options_.pids.empty()) && !before_) {
            throw CannotRun("the server side cannot be seen: no such process, or no such page of metrics");
        }
        if (options_.shards == 1) {
            shards_.push_back(make_local_shard(options_, 0, clients));
            return;
        }
        for (unsigned i = 0; i < options_.shards; ++i) {
            shards_.push_back(
                make_forked_shard(options_, clients * i / options_.shards, clients * (i + 1) / options_.shards));
        }
    }

    Progress progress() {
        Progress sum;
        sum.round = 1;
        for (const auto& shard : shards_) {
            const auto one = shard->progress();
            sum.connected += one.connected;
            sum.failed += one.failed;
            sum.sent += one.sent;
            sum.received += one.received;
            sum.lost += one.lost;
            sum.round = std::min(sum.round, one.round);
        }
        return sum;
    }

    /// Until every client is connected or has failed, in that round.
    void wait_connected(std::uint32_t round) {
        const auto begin = now_ns();
        // Each has a time limit of its own; so have all of them, a batch behind the other.
        const auto batches = static_cast<std::int64_t>(options_.clients / options_.concurrency + 2);
        const auto until = begin + options_.ramp.count() + batches * options_.connect_timeout.count();
        while (true) {
            const auto now = progress();
            if (now.round >= round && now.connected + now.failed >= options_.clients) return;
            if (now_ns() > until) throw CannotRun("connecting takes for ever");
            show("connecting", now);
            std::this_thread::sleep_for(milliseconds(10));
        }
    }

    void connect() {
        wait_connected(0);
        if (progress().connected != 0) return;
        for (const auto& shard : shards_) shard->begin(now_ns(), Client::kNever, Client::kNever);
        for (const auto& shard : shards_) shard->settle({});
        Result result;
        for (const auto& shard : shards_) result.merge(shard->finish());
        std::string text = "no client could connect: ";
        for (const auto& line : result.not_connected.lines()) text += line + "; ";
        throw CannotRun(text + "is the address right, and does the server run?");
    }

    void come_back() {
        std::this_thread::sleep_for(options_.duration);
        for (const auto& shard : shards_) shard->come_back();
        wait_connected(1);
    }

    void send() {
        const bool is_silent = options_.profile == ProfileKind::connect;
        std::unique_ptr<AppControl> app;
        if (profile_->app_sends()) app = std::make_unique<AppControl>(options_);
        begin_ns_ = now_ns() + 50'000'000;  // every thread and process is told by then
        const auto from = begin_ns_ + (is_silent ? 0 : options_.warm_up.count());
        const auto until = from + (is_silent ? 1 : options_.duration.count());
        for (const auto& shard : shards_) shard->begin(begin_ns_, from, until);
        if (app) app->begin_ticks();

        std::optional<Usage> measured_from, last = server_.sample();
        auto last_at = now_ns();
        while (now_ns() < until) {
            std::this_thread::sleep_for(nanoseconds(std::min<std::int64_t>(until - now_ns(), 50'000'000)));
            const auto now = now_ns();
            events_.look(now - begin_ns_, report_);
            if (now >= from && !measured_from) measured_from = server_.sample();
            if (now - last_at >= 1'000'000'000) {
                const auto usage = server_.sample();
                if (usage && last) {
                    report_.server.push_back({seconds(now - begin_ns_),
                                              (usage->cpu_seconds - last->cpu_seconds) / seconds(now - last_at),
                                              usage->resident_bytes});
                }
                last = usage;
                last_at = now;
            }
            show(to_string(options_.profile), progress());
        }
        const auto measured_until = server_.sample();
        if (measured_from && measured_until) used_ = measured_until->cpu_seconds - measured_from->cpu_seconds;
        after_ = measured_until;
        const SendLog ticks = app ? app->end_ticks() : SendLog();
        for (const auto& shard : shards_) shard->settle(ticks);
    }

    void finish() {
        for (const auto& shard : shards_) report_.result.merge(shard->finish());
        events_.look(now_ns() - begin_ns_, report_);
        const Result& result = report_.result;
        if (used_ && result.received + result.sent > 0) {
            report_.cpu_us_per_message = *used_ * 1e6 / static_cast<double>(std::max(result.received, result.sent));
        }
        if (before_ && after_ && result.connected > 0) {
            report_.bytes_per_client =
                (static_cast<double>(after_->resident_bytes) - static_cast<double>(before_->resident_bytes)) /
                static_cast<double>(result.connected);
        }
    }

    void judge() {
        const Result& result = report_.result;
        const Verdict& verdict = result.verdict;
        auto& complaints = report_.complaints;
        const auto say = [&](std::uint64_t count, const char* what) {
            if (count != 0) complaints.push_back(std::to_string(count) + " " + what);
        };
        say(verdict.missing, "messages are missing: they were sent and never came");
        say(verdict.doubled, "messages came twice");
        say(verdict.out_of_order, "messages came behind a later one of the same sender");
        say(verdict.misdelivered, "messages came to somebody they were not for");
        say(verdict.stranded, "clients are stranded: their socket is open, and the last that was for them never came");
        say(result.unreadable, "messages are not what any client sent; is this an echo server, and nobody else's run?");
        for (const auto& line : result.not_connected.lines()) complaints.push_back(line);
        for (const auto& line : result.closed.lines()) complaints.push_back(line);
        const bool has_messages = options_.profile != ProfileKind::connect && options_.profile != ProfileKind::idle;
        if (has_messages && result.received == 0) complaints.push_back("no message came at all while it was measured");
        for (const auto& text :
             unmet(options_.expectations, [this](const std::string& name) { return report_.measure(name); })) {
            complaints.push_back("expected " + text);
        }

        if (result.own_cpu > 0.85) {
            char text[160];
            std::snprintf(text, sizeof text,
                          "the load tester itself was busy (%.0f %% of a core): rates are what it could do, latencies "
                          "include its own; more --workers or --shards",
                          100 * result.own_cpu);
            report_.remarks.push_back(text);
        }
        if (result.busy.percentile(0.99) > 20e6) {
            report_.remarks.push_back("the load tester looked at its sockets late, up to " +
                                      show_duration(static_cast<double>(result.busy.max())) +
                                      ": latencies include that");
        }
        if (verdict.uncertain != 0) {
            report_.remarks.push_back(std::to_string(verdict.uncertain) +
                                      " messages are uncertain: sent while their receiver came or went");
        }
        if (result.slow_closed != 0) {
            report_.remarks.push_back(std::to_string(result.slow_closed) + " clients that do not read were closed");
        }
    }

    /// One line a second: rewritten on a terminal, else one below the other.
    void show(const char* what, const Progress& now) {
        const auto at = now_ns();
        if (options_.is_quiet || at - shown_ns_ < 1'000'000'000) return;
        const double time = shown_ns_ == 0 ? 1 : seconds(at - shown_ns_);
        const bool is_terminal = ::isatty(STDERR_FILENO) != 0;
        std::fprintf(stderr, "%s%s: %llu connected, %.0f sent/s, %.0f received/s, %llu lost%s",
                     is_terminal ? "\r\033[K" : "", what, static_cast<unsigned long long>(now.connected),
                     static_cast<double>(now.sent - shown_.sent) / time,
                     static_cast<double>(now.received - shown_.received) / time,
                     static_cast<unsigned long long>(now.lost + now.failed), is_terminal ? "" : "\n");
        std::fflush(stderr);
        shown_ = now;
        shown_ns_ = at;
    }

    const Options& options_;
    const std::unique_ptr<Profile> profile_;
    const ServerSide server_;
    Report report_;
    Events events_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::int64_t begin_ns_ = 0;
    std::optional<Usage> before_, after_;
    std::optional<double> used_;
    Progress shown_;
    std::int64_t shown_ns_ = 0;
};

}  // namespace

double Report::measure(const std::string& name) const {
    const Verdict& v = result.verdict;
    const auto number = [](std::uint64_t n) { return static_cast<double>(n); };
    if (name == "max") return static_cast<double>(result.latency.max());
    if (name.front() == 'p') return static_cast<double>(result.latency.percentile(std::atof(name.c_str() + 1) / 100));
    if (name == "missing") return number(v.missing);
    if (name == "doubled") return number(v.doubled);
    if (name == "out_of_order") return number(v.out_of_order);
    if (name == "stranded") return number(v.stranded);
    if (name == "misdelivered") return number(v.misdelivered);
    if (name == "uncertain") return number(v.uncertain);
    if (name == "closed") return number(result.closed.total());
    if (name == "refused") return number(result.not_connected.total());
    if (name == "received") return number(result.received);
    if (name == "rate") return result.measured_seconds > 0 ? number(result.received) / result.measured_seconds : 0;
    if (name == "connect_rate")
        return result.connect_seconds > 0 ? number(result.connected) / result.connect_seconds : 0;
    if (name == "cpu_us") return cpu_us_per_message.value_or(std::nan(""));
    if (name == "client_bytes") return bytes_per_client.value_or(std::nan(""));
    return std::nan("");
}

Report run(const Options& options) { return Run(options).run(); }

}  // namespace trunkline::load
