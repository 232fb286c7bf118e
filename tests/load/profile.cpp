#include "tests/load/profile.hpp"

#include <algorithm>

#include "tests/load/schedule.hpp"
#include "tests/load/worker.hpp"

namespace trunkline::load {
namespace {

std::string hex(std::uint64_t value, unsigned digits) {
    std::string text;
    append_hex(text, value, digits);
    return text;
}

/// Sends all that is due, and asks to be woken for the next.
void send_due(Client& client, const Schedule& schedule, std::int64_t now, std::string_view tail = {}) {
    while (client.worker.may_send()) {
        const auto due = schedule.due_ns(client.log.count());
        if (due > now) return client.worker.wake(client, due);
        client.worker.send(client, due, tail);
    }
}

/// Profiles echo and shared-echo: what a client sends comes back to it. In a closed loop it sends the next then.
class Echo final : public Profile {
  public:
    using Profile::Profile;

    std::string query(const Client&) const override {
        return options_.profile == ProfileKind::shared_echo ? "profile=shared-echo&run=" + hex(options_.run, 8) : "";
    }
    void begin(Client& client, std::int64_t now) const override {
        if (options_.rate > 0) return on_due(client, now);
        send_next(client, now);
    }
    void on_due(Client& client, std::int64_t now) const override {
        send_due(client, {client.worker.shared().begin_ns, options_.rate, client.id, options_.clients}, now);
    }
    void on_message(Client& client, const Stamp& stamp, std::int64_t now) const override {
        if (stamp.sender != client.id || stamp.sequence >= client.log.count()) {
            return client.worker.on_stray(client);
        }
        client.streams[client.id].receive(stamp.sequence);
        const bool is_last = stamp.sequence + 1 == client.log.count();  // and not one that came twice
        if (options_.rate == 0 && is_last) send_next(client, now);
    }
    Verdict judge(const Client& client, const Logs&) const override {
        Range expected{0, client.log.count()};
        std::uint64_t uncertain = 0;
        const auto stream = client.streams.find(client.id);
        if (client.left_ns != Client::kNever) {  // which of the last ones had an answer under way, nobody knows
            const auto end = stream == client.streams.end() ? 0 : stream->second.end();
            uncertain = expected.end - end;
            expected.end = end;
        }
        Verdict verdict = judge_stream(client, client.id, expected);
        verdict.uncertain += uncertain;
        return verdict;
    }

  private:
    static void send_next(Client& client, std::int64_t now) {
        if (client.worker.may_send()) client.worker.send(client, now);
    }
};

/// Profiles chat and fanout: what a writer sends comes to all in its room, itself included.
class Rooms final : public Profile {
  public:
    using Profile::Profile;

    std::string query(const Client& client) const override {
        return "profile=chat&run=" + hex(options_.run, 8) + "&room=" + std::to_string(room_of(client.id));
    }
    bool joins() const override { return true; }
    bool hears_others() const override { return true; }

    void begin(Client& client, std::int64_t now) const override {
        if (is_fanout()) {
            if (!is_writer(client.id)) return;
            if (options_.rate > 0) return on_due(client, now);
            for (std::size_t i = 0; i < options_.window; ++i) client.worker.send(client, now_ns());
            return;
        }
        if (period_of(client.id) > 0) client.worker.wake(client, schedule_of(client).due_ns(0));
    }
    void on_due(Client& client, std::int64_t now) const override { send_due(client, schedule_of(client), now); }

    void on_message(Client& client, const Stamp& stamp, std::int64_t now) const override {
        if (stamp.sender >= options_.clients || room_of(stamp.sender) != room_of(client.id)) {
            return client.worker.on_stray(client);
        }
        client.streams[stamp.sender].receive(stamp.sequence);
        if (is_fanout() && options_.rate == 0 && stamp.sender == client.id && client.worker.may_send()) {
            client.worker.send(client, now);
        }
    }
    Verdict judge(const Client& client, const Logs& logs) const override {
        Verdict verdict;
        const std::uint64_t together = neighbours();
        for (auto first = room_of(client.id) * together; first < options_.clients; first += options_.rooms * together) {
            const auto end = std::min<std::uint64_t>(first + together, options_.clients);
            for (auto sender = static_cast<std::uint32_t>(first); sender < end; ++sender) {
                if (const SendLog* log = logs.log_of(sender); log != nullptr && log->count() > 0) {
                    verdict.add(judge_stream(client, sender, log->between(client.joined_ns, client.left_ns)));
                }
            }
        }
        verdict.stranded = std::min<std::uint64_t>(verdict.stranded, 1);
        verdict.misdelivered = client.misdelivered;
        return verdict;
    }

  private:
    bool is_fanout() const { return options_.profile == ProfileKind::fanout; }
    bool is_writer(std::uint32_t id) const { return id < options_.rooms; }
    /// So many clients with ids in a row share a room: ten in a chat, so that each room has its share of every kind.
    std::uint64_t neighbours() const { return is_fanout() || options_.clients < 10 ? 1 : 10; }
    std::uint64_t room_of(std::uint32_t id) const { return id / neighbours() % options_.rooms; }
    /// Of ten clients one posts every 11 intervals and two every 59; of fewer than ten clients, each every 11.
    std::int64_t period_of(std::uint32_t id) const {
        if (options_.clients < 10 || id % 10 == 0) return 11 * options_.interval.count();
        return id % 10 <= 2 ? 59 * options_.interval.count() : 0;
    }
    Schedule schedule_of(const Client& client) const {
        const auto begin = client.worker.shared().begin_ns.load(std::memory_order_relaxed);
        if (is_fanout()) {
            return {begin, options_.rate, client.id, std::min<std::uint64_t>(options_.rooms, options_.clients)};
        }
        const auto period = period_of(client.id);
        // Those of a kind post evenly, each at a time of its own in the period.
        const double first =
            static_cast<double>(period) * static_cast<double>(client.id) / static_cast<double>(options_.clients);
        return {begin + static_cast<std::int64_t>(first), 1e9 / static_cast<double>(period), 0, 1};
    }
};

/// Profile client-to-client: each sends to the next one, which is on another proxy if there are several.
class Peers final : public Profile {
  public:
    using Profile::Profile;

    std::string query(const Client& client) const override {
        return "profile=client-to-client&run=" + hex(options_.run, 8) + "&user=" + hex(client.id, 8);
    }
    bool joins() const override { return true; }
    bool hears_others() const override { return true; }

    void begin(Client& client, std::int64_t now) const override { on_due(client, now); }
    void on_due(Client& client, std::int64_t now) const override {
        const double rate = options_.rate > 0 ? options_.rate
                                              : static_cast<double>(options_.clients) * 1e9 /
                                                    static_cast<double>(options_.interval.count());
        const Schedule schedule(client.worker.shared().begin_ns, rate, client.id, options_.clients);
        send_due(client, schedule, now, tail_to(static_cast<std::uint32_t>((client.id + 1) % options_.clients)));
    }
    void on_message(Client& client, const Stamp& stamp, std::int64_t) const override {
        if (stamp.sender != sender_to(client.id)) {
            return client.worker.on_stray(client);
        }
        client.streams[stamp.sender].receive(stamp.sequence);
    }
    Verdict judge(const Client& client, const Logs& logs) const override {
        Range expected;
        if (const SendLog* log = logs.log_of(sender_to(client.id)))
            expected = log->between(client.joined_ns, client.left_ns);
        return judge_stream(client, sender_to(client.id), expected);
    }

  private:
    /// By which the app server finds it.
    std::string tail_to(std::uint32_t receiver) const override { return hex(receiver, 8); }
    std::uint32_t sender_to(std::uint32_t id) const {
        return static_cast<std::uint32_t>((id + options_.clients - 1) % options_.clients);
    }
};

/// Profiles broadcast and slow-reader: the app server sends, all of them listen; but for the slow ones, who do not read
/// and may be closed for it.
class Pushed final : public Profile {
  public:
    using Profile::Profile;

    std::string query(const Client&) const override { return "profile=broadcast&run=" + hex(options_.run, 8); }
    bool joins() const override { return true; }
    bool app_sends() const override { return true; }
    bool reads(const Client& client) const override {
        return options_.profile != ProfileKind::slow_reader || client.id >= options_.slow;
    }
    void begin(Client&, std::int64_t) const override {}
    void on_message(Client& client, const Stamp& stamp, std::int64_t) const override {
        if (stamp.sender != kAppSender) {
            return client.worker.on_stray(client);
        }
        client.streams[kAppSender].receive(stamp.sequence);
    }
    Verdict judge(const Client& client, const Logs& logs) const override {
        const SendLog* log = logs.log_of(kAppSender);
        if (!reads(client)) return {};
        return judge_stream(client, kAppSender,
                            log == nullptr ? Range{} : log->between(client.joined_ns, client.left_ns));
    }
};

/// Profiles connect and idle: nobody says anything.
class Silent final : public Profile {
  public:
    using Profile::Profile;
    void begin(Client&, std::int64_t) const override {}
    void on_message(Client& client, const Stamp&, std::int64_t) const override { client.worker.on_stray(client); }
    Verdict judge(const Client& client, const Logs&) const override {
        Verdict verdict;
        verdict.misdelivered = client.misdelivered;
        return verdict;
    }
};

}  // namespace

std::unique_ptr<Profile> Profile::make(const Options& options) {
    switch (options.profile) {
        case ProfileKind::echo:
        case ProfileKind::shared_echo: return std::make_unique<Echo>(options);
        case ProfileKind::chat:
        case ProfileKind::fanout: return std::make_unique<Rooms>(options);
        case ProfileKind::client_to_client: return std::make_unique<Peers>(options);
        case ProfileKind::broadcast:
        case ProfileKind::slow_reader: return std::make_unique<Pushed>(options);
        case ProfileKind::connect:
        case ProfileKind::idle: break;
    }
    return std::make_unique<Silent>(options);
}

std::string Profile::query(const Client&) const { return {}; }

bool Profile::is_as_sent(const Client& client, const Stamp& stamp, std::string_view payload) const {
    const auto tail = tail_to(client.id);
    return stamp.what == 'm' && payload.substr(Stamp::kBytes, tail.size()) == tail &&
           is_padded(payload, Stamp::kBytes + tail.size(), options_.size);
}

Verdict Profile::judge_stream(const Client& client, std::uint32_t sender, Range expected) {
    const auto found = client.streams.find(sender);
    static const Stream kNothing;
    const Stream& stream = found == client.streams.end() ? kNothing : found->second;
    Verdict verdict = stream.judge(expected);
    verdict.misdelivered = client.misdelivered;
    const bool has_tail = !expected.empty() && stream.end() < expected.end;
    if (has_tail && client.left_ns == Client::kNever) verdict.stranded = 1;
    return verdict;
}

}  // namespace trunkline::load
