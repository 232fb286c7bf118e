#include "tests/load/run.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <thread>

#include "tests/load/app_control.hpp"
#include "tests/load/profile.hpp"
#include "tests/load/progress_line.hpp"
#include "tests/load/shard.hpp"
#include "tests/load/worker.hpp"

namespace trunkline::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::size_t kSpareDescriptors = 100;
constexpr double kBusy = 0.85;  // share of a core, from which on a thread may be what was measured

/// Raises the limit of descriptors as far as it goes.
void check_descriptors(const Options& options) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const std::size_t needed = options.clients / options.shards + 1 + kSpareDescriptors;
    if (needed <= limit.rlim_cur) return;
    std::string text = std::to_string(options.clients) + " clients need " + std::to_string(needed) +
                       " file descriptors in one process and the limit is " + std::to_string(limit.rlim_cur) +
                       ": raise it (ulimit -Hn)";
    for (unsigned shards = options.shards + 1; shards <= Options::kMaxShards; ++shards) {
        if (options.clients / shards + 1 + kSpareDescriptors > limit.rlim_cur) continue;
        text += " or spread them with --shards " + std::to_string(shards);
        break;
    }
    throw CannotRun(text);
}

class Run {
  public:
    explicit Run(const Options& options)
        : options_(options),
          profile_(Profile::make(options)),
          server_(options),
          commands_(options),
          line_(progress_mode(options.is_quiet), now_ns()) {}

    Report run() {
        check_descriptors(options_);
        const bool is_to_be_seen = options_.metrics || !options_.pids.empty();
        if (!server_.begin(now_ns()) && is_to_be_seen) {
            throw CannotRun("the server side cannot be seen: no such process, or no such page of metrics");
        }
        make_shards();
        connect();
        options_.profile == ProfileKind::connect ? come_back() : send();
        finish();
        judge();
        return std::move(report_);
    }

  private:
    void make_shards() {
        const auto clients = static_cast<std::uint32_t>(options_.clients);
        if (options_.shards == 1) {
            shards_.push_back(make_local_shard(options_, 0, clients));
            return;
        }
        for (unsigned i = 0; i < options_.shards; ++i) {
            shards_.push_back(
                make_forked_shard(options_, clients * i / options_.shards, clients * (i + 1) / options_.shards));
        }
    }

    /// One look at everything, and a moment of sleep.
    Progress look(const std::string& what, nanoseconds pause) {
        Progress sum;
        sum.round = 1;
        for (const auto& shard : shards_) sum.merge(shard->progress());
        const auto now = now_ns();
        if (begin_ns_ != 0) commands_.look(now - begin_ns_);
        if (app_) app_->look();
        server_.look(now, sum.connected);
        line_.show(what, sum, now);
        std::this_thread::sleep_for(pause);
        return sum;
    }

    void look_until(std::int64_t until) {
        for (auto now = now_ns(); now < until; now = now_ns()) {
            const auto second = std::max<std::int64_t>(0, now - begin_ns_) / 1'000'000'000;
            const auto of = (until - begin_ns_) / 1'000'000'000;
            look(std::string(to_string(options_.profile)) + " " + std::to_string(second) + "/" + std::to_string(of) +
                     " s",
                 std::min(nanoseconds(until - now), nanoseconds(milliseconds(50))));
        }
    }

    /// Until every client is connected or has failed, in that round.
    Progress wait_connected(std::uint32_t round) {
        const auto begin = now_ns();
        const auto patience = options_.ramp.count() + options_.connect_timeout.count();
        // Each has a time limit of its own; so have all of them, a batch behind the other.
        const auto batches = static_cast<std::int64_t>(options_.clients / options_.concurrency + 1);
        while (true) {
            const auto now = look(round == 0 ? "connecting" : "coming back", milliseconds(10));
            if (now.round >= round && now.connected + now.failed >= options_.clients) return now;
            const auto waited = now_ns() - begin;
            if (waited > patience && now.connected == 0 && now.failed != 0) return now;
            if (waited > patience + batches * options_.connect_timeout.count()) {
                throw CannotRun("connecting takes for ever");
            }
        }
    }

    void connect() {
        connected_ = wait_connected(0).connected;
        if (connected_ != 0) return;
        std::string text = "no client could connect: ";
        for (const auto& line : settle({}).not_connected.lines()) text += line + "; ";
        throw CannotRun(text + "is the address right, and does the server run?");
    }

    void come_back() {
        begin_ns_ = now_ns();
        look_until(begin_ns_ + options_.duration.count());
        for (const auto& shard : shards_) shard->come_back();
        wait_connected(1);
        report_.result = settle({});
    }

    void send() {
        if (profile_->app_sends()) app_ = std::make_unique<AppControl>(options_);
        begin_ns_ = now_ns() + 50'000'000;  // every thread and process is told by then
        const auto from = begin_ns_ + options_.warm_up.count();
        const auto until = from + options_.duration.count();
        for (const auto& shard : shards_) shard->begin(begin_ns_, from, until);
        if (app_) app_->begin_ticks();
        look_until(from);
        server_.begin_measuring();
        look_until(until);
        server_.end_measuring(connected_);
        SendLogs logs;
        if (app_) {
            auto ticks = app_->end_ticks();
            if (!ticks) report_.complaints.push_back("the app server is gone, and with it the list of what it sent");
            logs.add(kAppSender, std::move(ticks).value_or(SendLog()));
        }
        report_.result = settle(std::move(logs));
    }

    /// Lets the last messages arrive and compares, once every shard knows what was sent elsewhere.
    Result settle(SendLogs logs) {
        for (const auto& shard : shards_) shard->settle();
        if (shards_.size() > 1 && profile_->hears_others()) {
            for (const auto& shard : shards_) logs.merge(shard->sent());
        }
        for (const auto& shard : shards_) shard->expect(logs);
        Heard heard;
        for (const auto& shard : shards_) heard.merge(shard->finish());
        Result result;
        for (const auto& shard : shards_) result.merge(shard->judge(heard));
        return result;
    }

    void finish() {
        report_.commands = commands_.finish();
        report_.server = server_.seconds(begin_ns_);
        report_.processes = server_.processes();
        report_.bytes_per_client = server_.bytes_per_client();
        if (report_.bytes_per_client.value_or(1) <= 0) {
            report_.bytes_per_client.reset();
            report_.remarks.push_back(
                "the server side's memory has not grown: it had clients before, and kept their memory for these");
        }
        const auto messages = std::max(report_.result.received, report_.result.sent);
        if (const auto used = server_.measured_cpu_seconds(); used && messages > 0) {
            report_.cpu_us_per_message = *used * 1e6 / static_cast<double>(messages);
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
        say(result.changed(), "messages came with other bytes than were sent, or with fewer or more");
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

        const auto say_busy = [&](double cpu, const char* what) {
            if (cpu <= kBusy) return;
            report_.remarks.push_back("the load tester itself was busy (" +
                                      std::to_string(static_cast<int>(100 * cpu + 0.5)) + " % of a core) " + what +
                                      ": it may be what was measured; more --workers or --shards");
        };
        say_busy(result.own_connect_cpu, "while its clients connected");
        say_busy(result.own_cpu, "while it measured");
        if (result.busy.percentile(0.99) > 20e6) {
            report_.remarks.push_back("the load tester looked at its sockets late, up to " +
                                      show_duration(static_cast<double>(result.busy.max())) +
                                      ": latencies include that");
        }
        if (verdict.uncertain != 0) {
            report_.remarks.push_back(std::to_string(verdict.uncertain) +
                                      " messages are uncertain: sent while their receiver came or went");
        }
        for (const auto& command : report_.commands) {
            if (!command.trouble.empty()) report_.remarks.push_back("'" + command.command + "' " + command.trouble);
        }
        if (server_.is_lost())
            report_.remarks.push_back("the server side could not be seen to the end: a process has ended");
        if (result.slow_closed != 0) {
            report_.remarks.push_back(std::to_string(result.slow_closed) + " clients that do not read were closed");
        }
    }

    const Options& options_;
    const std::unique_ptr<Profile> profile_;
    Report report_;
    ServerWatch server_;
    Commands commands_;
    ProgressLine line_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::unique_ptr<AppControl> app_;  // of profiles in which the app server sends by itself
    std::uint64_t connected_ = 0;
    std::int64_t begin_ns_ = 0;  // of the messages
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
    if (name == "changed") return number(result.changed());
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
