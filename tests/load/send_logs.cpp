#include "tests/load/send_logs.hpp"

#include <algorithm>

#include "tests/load/wire.hpp"

namespace trunkline::load {

const SendLog* SendLogs::log_of(std::uint32_t sender) const {
    const auto found = logs_.find(sender);
    return found == logs_.end() ? nullptr : &found->second;
}

void SendLogs::cut(std::uint32_t sender, std::uint64_t count) {
    if (const auto found = logs_.find(sender); found != logs_.end()) found->second.cut(count);
}

std::string SendLogs::serialize() const {
    Writer writer;
    writer.put(logs_.size());
    for (const auto& [sender, log] : logs_) {
        writer.put(sender);
        writer.put(log.count());
        for (std::uint64_t i = 0; i < log.count(); ++i) writer.put(log.time_of(i));
    }
    return writer.take();
}

SendLogs SendLogs::deserialize(std::string_view bytes) {
    Reader reader(bytes);
    SendLogs logs;
    for (auto senders = reader.get<std::size_t>(); senders > 0; --senders) {
        const auto sender = reader.get<std::uint32_t>();
        SendLog log;
        for (auto n = reader.get<std::uint64_t>(); n > 0; --n) log.sent(reader.get<std::int64_t>());
        logs.add(sender, std::move(log));
    }
    return logs;
}

void Heard::hear(std::uint32_t sender, std::uint64_t end) {
    auto& highest = ends[sender];
    highest = std::max(highest, end);
}

void Heard::merge(const Heard& other) {
    for (const auto& [sender, end] : other.ends) hear(sender, end);
    closed.insert(other.closed.begin(), other.closed.end());
}

std::uint64_t Heard::end_of(std::uint32_t sender) const {
    const auto found = ends.find(sender);
    return found == ends.end() ? 0 : found->second;
}

std::string Heard::serialize() const {
    Writer writer;
    writer.put(ends.size());
    for (const auto& [sender, end] : ends) {
        writer.put(sender);
        writer.put(end);
    }
    writer.put(closed.size());
    for (const auto sender : closed) writer.put(sender);
    return writer.take();
}

Heard Heard::deserialize(std::string_view bytes) {
    Reader reader(bytes);
    Heard heard;
    for (auto n = reader.get<std::size_t>(); n > 0; --n) {
        const auto sender = reader.get<std::uint32_t>();
        heard.hear(sender, reader.get<std::uint64_t>());
    }
    for (auto n = reader.get<std::size_t>(); n > 0; --n) heard.closed.insert(reader.get<std::uint32_t>());
    return heard;
}

}  // namespace trunkline::load
