#include "tests/load/progress.hpp"

#include <algorithm>

#include "tests/load/wire.hpp"

namespace trunkline::load {

void Progress::merge(const Progress& other) noexcept {
    connected += other.connected;
    failed += other.failed;
    sent += other.sent;
    received += other.received;
    errors += other.errors;
    round = std::min(round, other.round);
    latency.merge(other.latency);
}

std::string serialize(const Progress& progress) {
    Writer writer;
    for (const auto number : {progress.connected, progress.failed, progress.sent, progress.received, progress.errors}) {
        writer.put(number);
    }
    writer.put(progress.round);
    writer.put(progress.latency);
    return writer.take();
}

Progress deserialize_progress(std::string_view bytes) {
    Reader reader(bytes);
    Progress progress;
    for (auto* number : {&progress.connected, &progress.failed, &progress.sent, &progress.received, &progress.errors}) {
        *number = reader.get<std::uint64_t>();
    }
    progress.round = reader.get<std::uint32_t>();
    reader.get(progress.latency);
    return progress;
}

}  // namespace trunkline::load
