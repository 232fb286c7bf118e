#include "tests/load/report.hpp"

#include "tests/load/number.hpp"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

namespace trunkline::load {
namespace {

using nlohmann::json;

std::string line(const char* format, ...) __attribute__((format(printf, 1, 2)));
std::string line(const char* format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return std::string(text) + "\n";
}

std::string row(const char* name, const std::string& value) { return line("  %-22s%s", name, value.c_str()); }

std::string percentiles(const Histogram& h) {
    std::string text;
    for (const auto& [name, p] : {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}}) {
        text += std::string(name) + " " + show_duration(static_cast<double>(h.percentile(p))) + "   ";
    }
    return text + "max " + show_duration(static_cast<double>(h.max()));
}

double us(std::int64_t ns) { return static_cast<double>(ns) / 1000; }

json to_json(const Histogram& h) {
    return {{"count", h.count()},
            {"p50_us", us(h.percentile(0.5))},
            {"p90_us", us(h.percentile(0.9))},
            {"p99_us", us(h.percentile(0.99))},
            {"p999_us", us(h.percentile(0.999))},
            {"max_us", us(h.max())}};
}

/// All figures; `with_histogram` for the page.
json figures(const Options& options, const Report& report, bool with_histogram) {
    const Result& r = report.result;
    const Verdict& v = r.verdict;
    json out{{"profile", to_string(options.profile)},
             {"clients", r.clients},
             {"connected", r.connected},
             {"seconds", r.measured_seconds},
             {"warm_up", static_cast<double>(options.warm_up.count()) * 1e-9},
             {"sent", r.sent},
             {"received", r.received},
             {"rate", report.measure("rate")},
             {"latency", to_json(r.latency)},
             {"connect", to_json(r.connect)},
             {"connect_seconds", r.connect_seconds},
             {"ledger",
              {{"expected", v.expected},
               {"received", v.received},
               {"missing", v.missing},
               {"doubled", v.doubled},
               {"out_of_order", v.out_of_order},
               {"changed", r.changed()},
               {"misdelivered", v.misdelivered},
               {"stranded", v.stranded},
               {"uncertain", v.uncertain},
               {"unreadable", r.unreadable}}},
             {"closed", r.closed.total()},
             {"refused", r.not_connected.total()},
             {"own_cpu", r.own_cpu},
             {"own_connect_cpu", r.own_connect_cpu},
             {"own_lag", to_json(r.busy)},
             {"complaints", report.complaints},
             {"remarks", report.remarks}};
    if (options.profile == ProfileKind::connect) {
        out["reconnect"] = to_json(r.reconnect);
        out["reconnect_seconds"] = r.reconnect_seconds;
    }
    if (report.cpu_us_per_message) out["cpu_us_per_message"] = *report.cpu_us_per_message;
    if (report.bytes_per_client) out["bytes_per_client"] = *report.bytes_per_client;
    for (const Second& second : r.seconds) {
        out["per_second"].push_back({{"sent", second.sent},
                                     {"received", second.received},
                                     {"changed", second.changed},
                                     {"p50_us", us(second.latency.percentile(0.5))},
                                     {"p99_us", us(second.latency.percentile(0.99))},
                                     {"max_us", us(second.latency.max())}});
    }
    for (const auto& second : report.server) {
        json one{{"at", second.at}, {"cores", second.cpu}, {"bytes", second.resident_bytes}};
        if (second.bytes_per_client) one["bytes_per_client"] = *second.bytes_per_client;
        out["server"].push_back(std::move(one));
    }
    for (const auto& use : report.processes) {
        out["processes"].push_back({{"pid", use.pid},
                                    {"cpu_before_seconds", use.cpu_before_seconds},
                                    {"cpu_seconds", use.cpu_seconds},
                                    {"bytes_grown", use.bytes_grown}});
    }
    for (const auto& run : report.commands) {
        out["commands"].push_back({{"at", run.at}, {"command", run.command}, {"trouble", run.trouble}});
    }
    if (with_histogram) {
        for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
            if (r.latency.count_in(i) == 0) continue;
            out["histogram"].push_back({static_cast<double>(Histogram::end_of(i)) / 1000, r.latency.count_in(i)});
        }
    }
    return out;
}

}  // namespace

std::string summary(const Options& options, const Report& report) {
    const Result& r = report.result;
    const Verdict& v = r.verdict;
    std::string out = line("%s, %s of %s clients connected in %.2f s (%.0f/s)", to_string(options.profile),
                           with_commas(r.connected).c_str(), with_commas(r.clients).c_str(), r.connect_seconds,
                           report.measure("connect_rate"));
    if (r.connect.count() != 0) out += row("connect", percentiles(r.connect));
    if (options.profile == ProfileKind::connect) {
        out += row("all back at once", show_duration(r.reconnect_seconds * 1e9));
        out += row("  each", percentiles(r.reconnect));
    }
    if (r.received + r.sent != 0) {
        out += row("measured", show_duration(r.measured_seconds * 1e9));
        out += row("sent", with_commas(r.sent));
        const auto rate = static_cast<std::uint64_t>(report.measure("rate"));
        out += row("received", with_commas(r.received) + " (" + with_commas(rate) + "/s)");
        out += row("latency", percentiles(r.latency));
    }
    if (v.expected + v.uncertain != 0) {
        out += row("ledger", with_commas(v.received) + " of " + with_commas(v.expected) + " came, " +
                                 with_commas(v.missing) + " missing, " + with_commas(v.doubled) + " doubled, " +
                                 with_commas(v.out_of_order) + " out of order, " + with_commas(r.changed()) +
                                 " changed, " + with_commas(v.misdelivered) + " misdelivered, " +
                                 with_commas(v.stranded) + " clients stranded");
    }
    if (report.cpu_us_per_message)
        out += line("  %-22s%.2f us of CPU per message", "server side", *report.cpu_us_per_message);
    if (report.bytes_per_client) out += line("  %-22s%.0f bytes per client", "server side", *report.bytes_per_client);
    out += line("  %-22s%.0f %% of a core, its busiest thread", "load tester",
                100 * std::max(r.own_cpu, r.own_connect_cpu));
    if (r.busy.count() != 0) out += row("  its loop's lag", percentiles(r.busy));
    for (const auto& run : report.commands) out += line("  at %.1f s: %s", run.at, run.command.c_str());
    for (const auto& remark : report.remarks) out += "note: " + remark + "\n";
    for (const auto& complaint : report.complaints) out += "FAILED: " + complaint + "\n";
    return out;
}

std::string to_json(const Options& options, const Report& report) {
    return figures(options, report, false).dump(2) + "\n";
}

std::string to_json_with_histogram(const Options& options, const Report& report) {
    return figures(options, report, true).dump();
}

std::string to_csv(const Report& report) {
    std::string out = "second,sent,received,changed,p50_us,p99_us,max_us,server_cores,server_bytes\n";
    std::map<long, const ServerSecond*> server;  // by the second that it ended
    for (const auto& second : report.server) server[std::lround(second.at)] = &second;
    const auto& seconds = report.result.seconds;
    const long end = std::max<long>(static_cast<long>(seconds.size()), server.empty() ? 0 : server.rbegin()->first);
    for (long i = 0; i < end; ++i) {
        static const Second kNothing;
        const Second& s =
            static_cast<std::size_t>(i) < seconds.size() ? seconds[static_cast<std::size_t>(i)] : kNothing;
        const auto side = server.find(i + 1);
        const std::string rest =
            side == server.end()
                ? line(",")
                : line("%.3f,%llu", side->second->cpu, static_cast<unsigned long long>(side->second->resident_bytes));
        out += line("%ld,%llu,%llu,%llu,%.1f,%.1f,%.1f,%s", i, static_cast<unsigned long long>(s.sent),
                    static_cast<unsigned long long>(s.received), static_cast<unsigned long long>(s.changed),
                    us(s.latency.percentile(0.5)), us(s.latency.percentile(0.99)), us(s.latency.max()),
                    rest.substr(0, rest.size() - 1).c_str());
    }
    return out;
}

}  // namespace trunkline::load
