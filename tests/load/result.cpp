#include "tests/load/result.hpp"

#include "tests/load/wire.hpp"

#include <algorithm>
#include <cstring>

namespace trunkline::load {
namespace {

std::string words(CloseWhy why, int code) {
    switch (why) {
        case CloseWhy::not_closed:
        case CloseWhy::by_us: return "closed by the load tester";
        case CloseWhy::refused: return "refused with HTTP " + std::to_string(code);
        case CloseWhy::cannot_connect: return std::string("not connected: ") + std::strerror(code);
        case CloseWhy::timeout: return "given up: no answer to the upgrade in time";
        case CloseWhy::by_server: return "closed by the server with " + std::to_string(code);
        case CloseWhy::reset: return "ended without a close frame";
        case CloseWhy::no_join:
            return "given up: connected, but the app server did not answer as trunkline-load-app does, which this "
                   "profile needs";
        case CloseWhy::bad_frame: return "closed here: the server sent bytes that are no WebSocket frame of a server";
    }
    return "?";
}

void put(Writer& writer, const Losses& losses) {
    writer.put(losses.counts.size());
    for (const auto& [what, count] : losses.counts) {
        writer.put(what.first);
        writer.put(what.second);
        writer.put(count);
    }
}

void get(Reader& reader, Losses& losses) {
    for (auto n = reader.get<std::size_t>(); n > 0; --n) {
        const auto why = reader.get<CloseWhy>();
        const auto code = reader.get<int>();
        losses.add(why, code, reader.get<std::uint64_t>());
    }
}

}  // namespace

void Second::merge(const Second& other) noexcept {
    sent += other.sent;
    received += other.received;
    changed += other.changed;
    latency.merge(other.latency);
}

std::uint64_t Losses::total() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& entry : counts) sum += entry.second;
    return sum;
}

std::vector<std::string> Losses::lines() const {
    std::vector<std::string> lines;
    for (const auto& [what, count] : counts) {
        lines.push_back(std::to_string(count) + (count == 1 ? " client was " : " clients were ") +
                        words(what.first, what.second));
    }
    return lines;
}

std::uint64_t Result::changed() const noexcept {
    std::uint64_t sum = 0;
    for (const Second& second : seconds) sum += second.changed;
    return sum;
}

void Result::merge(const Result& other) {
    verdict.add(other.verdict);
    latency.merge(other.latency);
    connect.merge(other.connect);
    reconnect.merge(other.reconnect);
    busy.merge(other.busy);
    if (seconds.size() < other.seconds.size()) seconds.resize(other.seconds.size());
    for (std::size_t i = 0; i < other.seconds.size(); ++i) seconds[i].merge(other.seconds[i]);
    for (const auto& [what, count] : other.not_connected.counts) not_connected.add(what.first, what.second, count);
    for (const auto& [what, count] : other.closed.counts) closed.add(what.first, what.second, count);
    clients += other.clients;
    connected += other.connected;
    sent += other.sent;
    received += other.received;
    unreadable += other.unreadable;
    slow_closed += other.slow_closed;
    connect_seconds = std::max(connect_seconds, other.connect_seconds);
    reconnect_seconds = std::max(reconnect_seconds, other.reconnect_seconds);
    measured_seconds = std::max(measured_seconds, other.measured_seconds);
    own_cpu = std::max(own_cpu, other.own_cpu);
    own_connect_cpu = std::max(own_connect_cpu, other.own_connect_cpu);
}

std::string serialize(const Result& result) {
    Writer writer;
    writer.put(result.verdict);
    for (const auto* histogram : {&result.latency, &result.connect, &result.reconnect, &result.busy}) {
        writer.put(*histogram);
    }
    writer.put(result.seconds.size());
    for (const Second& second : result.seconds) {
        writer.put(second.sent);
        writer.put(second.received);
        writer.put(second.changed);
        writer.put(second.latency);
    }
    put(writer, result.not_connected);
    put(writer, result.closed);
    for (const auto number :
         {result.clients, result.connected, result.sent, result.received, result.unreadable, result.slow_closed}) {
        writer.put(number);
    }
    for (const auto number : {result.connect_seconds, result.reconnect_seconds, result.measured_seconds, result.own_cpu,
                              result.own_connect_cpu}) {
        writer.put(number);
    }
    return writer.take();
}

Result deserialize(std::string_view bytes) {
    Reader reader(bytes);
    Result result;
    result.verdict = reader.get<Verdict>();
    for (auto* histogram : {&result.latency, &result.connect, &result.reconnect, &result.busy}) reader.get(*histogram);
    result.seconds.resize(reader.get<std::size_t>());
    for (Second& second : result.seconds) {
        second.sent = reader.get<std::uint64_t>();
        second.received = reader.get<std::uint64_t>();
        second.changed = reader.get<std::uint64_t>();
        reader.get(second.latency);
    }
    get(reader, result.not_connected);
    get(reader, result.closed);
    for (auto* number : {&result.clients, &result.connected, &result.sent, &result.received, &result.unreadable,
                         &result.slow_closed}) {
        *number = reader.get<std::uint64_t>();
    }
    for (auto* number : {&result.connect_seconds, &result.reconnect_seconds, &result.measured_seconds, &result.own_cpu,
                         &result.own_connect_cpu}) {
        *number = reader.get<double>();
    }
    return result;
}

}  // namespace trunkline::load
