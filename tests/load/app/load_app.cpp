// trunkline-load-app: what the profiles of trunkline-load need behind the proxies. A client says in its query what it
// is for: `profile=echo` (or no query at all) and `shared-echo` are answered, `broadcast`, `chat` and `fanout` join a
// group, `client-to-client` gets a user id, and the one `control` of a run has the ticks of `broadcast` begun, ended
// and listed. Whoever joined is told by a stamp with the letter j.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <trunkline/app_server.hpp>

#include "tests/load/app/query.hpp"
#include "tests/load/ledger.hpp"
#include "tests/load/profile.hpp"
#include "tests/load/stamp.hpp"

namespace {

using namespace trunkline;
using load::number_of;
using load::Stamp;
using load::value_of;

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

enum class Role { echo, shared_echo, member, peer, control };

struct Visitor {
    Role role = Role::echo;
    std::string run;
    std::string group;
};

/// Sends a tick to a run's group at every interval, and keeps when.
class Ticker : public std::enable_shared_from_this<Ticker> {
  public:
    Ticker(AppServer& server, std::string group, std::uint32_t run, std::chrono::nanoseconds interval, std::size_t size)
        : server_(server), group_(std::move(group)), run_(run), interval_(interval), size_(size), due_ns_(now_ns()) {}

    void go_on() {
        if (is_stopped_) return;
        for (auto now = now_ns(); due_ns_ <= now; now = now_ns()) {
            // Not at the next time but as soon as there is room: what is due and not sent makes latency, not a loss.
            if (server_.to_group(group_).send(
                    load::to_text({'m', run_, load::kAppSender, log_.count(), due_ns_}, size_))) {
                return server_.when_writable([self = shared_from_this()](std::error_code ec) {
                    if (!ec) self->go_on();
                });
            }
            log_.sent(now);
            due_ns_ += interval_.count();
        }
        const auto wait = std::chrono::nanoseconds(due_ns_ - now_ns());
        server_.post_after(std::max(std::chrono::ceil<std::chrono::milliseconds>(wait), std::chrono::milliseconds(1)),
                           [self = shared_from_this()] { self->go_on(); });
    }

    void stop() { is_stopped_ = true; }
    std::uint32_t run() const { return run_; }
    const load::SendLog& log() const { return log_; }

  private:
    AppServer& server_;
    const std::string group_;
    const std::uint32_t run_;
    const std::chrono::nanoseconds interval_;
    const std::size_t size_;
    std::int64_t due_ns_;
    load::SendLog log_;
    bool is_stopped_ = false;
};

class LoadApp {
  public:
    explicit LoadApp(AppServer& server) : server_(server) {
        server.on_connect([this](const Connection& connection, Answer answer) { on_connect(connection, answer); });
        server.on_message([this](const Connection& c, const Message& message) { on_message(c, message); });
        server.on_disconnect([this](const Connection& connection, const Disconnect&) {
            const auto ticker = tickers_.find(std::string(connection.id()));
            if (ticker == tickers_.end()) return;
            ticker->second->stop();
            tickers_.erase(ticker);
        });
    }

  private:
    void on_connect(const Connection& connection, Answer& answer) {
        const auto query = connection.query();
        const auto profile = value_of(query, "profile");
        Visitor visitor;
        visitor.run = value_of(query, "run");
        Acceptance acceptance;
        if (profile == "shared-echo") {
            visitor.role = Role::shared_echo;
        } else if (profile == "client-to-client") {
            visitor.role = Role::peer;
            acceptance.user = visitor.run + "-" + std::string(value_of(query, "user"));
        } else if (profile == "control") {
            visitor.role = Role::control;
        } else if (profile == "broadcast" || profile == "chat") {
            visitor.role = Role::member;
            visitor.group = visitor.run + "/" + std::string(value_of(query, "room"));
            acceptance.groups = {visitor.group};
        }
        if (answer.accept(std::move(acceptance))) return;
        // Behind the join in the same lane: whoever has this is a member.
        if (visitor.role == Role::member || visitor.role == Role::peer || visitor.role == Role::control) {
            const auto run = load::parse_hex(visitor.run);
            say(connection,
                load::to_text({'j', static_cast<std::uint32_t>(run.value_or(0)), load::kAppSender, 0, now_ns()}));
        }
        connection.data() = std::move(visitor);
    }

    void on_message(const Connection& connection, const Message& message) {
        const auto& visitor = std::any_cast<const Visitor&>(connection.data());
        switch (visitor.role) {
            case Role::echo: return taken(connection, connection.send(message.kind, message.bytes));
            case Role::shared_echo: return taken(connection, server_.send_to(connection.id(), message.bytes));
            case Role::member:
                return taken(connection, server_.to_group(visitor.group).send(message.kind, message.bytes));
            case Role::peer: {
                if (message.bytes.size() < Stamp::kBytes + 8) return;
                const auto target = message.bytes.substr(Stamp::kBytes, 8);
                return taken(connection, server_.to_user(visitor.run + "-" + std::string(target)).send(message.bytes));
            }
            case Role::control: return on_control(connection, message.bytes, visitor);
        }
    }

    /// A message that finds no room is lost for its receivers: the sender's ledger would tell of it with no reason, so
    /// the client is told to come back.
    static void taken(const Connection& connection, const std::error_code& error) {
        if (error && error != errc::closed) connection.close(1013, "the app server has no room");
    }
    static void say(const Connection& connection, const std::string& text) {
        if (const auto error = connection.send(text); error && error != errc::closed) connection.close(1013, "no room");
    }

    /// b: begin to tick; s: stop, and list what was sent when, in messages with the letter l, then e.
    void on_control(const Connection& connection, std::string_view text, const Visitor& visitor) {
        const auto stamp = load::parse_stamp(text);
        if (!stamp) return;
        auto& ticker = tickers_[std::string(connection.id())];
        if (stamp->what == 'b' && !ticker) {
            const auto query = connection.query();
            const std::chrono::nanoseconds interval(
                std::max<std::int64_t>(100'000, number_of(query, "interval_ns", 1'000'000'000)));
            const auto size =
                static_cast<std::size_t>(std::clamp<std::int64_t>(number_of(query, "size", 64), 0, 1 << 20));
            ticker = std::make_shared<Ticker>(server_, visitor.run + "/", stamp->run, interval, size);
            ticker->go_on();
        }
        if (stamp->what == 's' && ticker) {
            ticker->stop();
            list(connection, *ticker, 0);
        }
    }

    void list(const Connection& connection, const Ticker& ticker, std::uint64_t from) {
        constexpr std::uint64_t kTimesPerMessage = 1000;
        const auto& log = ticker.log();
        while (from < log.count()) {
            const auto to = std::min(log.count(), from + kTimesPerMessage);
            auto text = load::to_text({'l', ticker.run(), load::kAppSender, from, 0});
            for (auto i = from; i < to; ++i) load::append_hex(text, static_cast<std::uint64_t>(log.time_of(i)), 16);
            if (connection.send(text)) {
                const auto again = tickers_[std::string(connection.id())];
                return connection.when_writable([this, connection, again, from](std::error_code ec) {
                    if (!ec) list(connection, *again, from);
                });
            }
            from = to;
        }
        say(connection, load::to_text({'e', ticker.run(), load::kAppSender, log.count(), 0}));
    }

    AppServer& server_;
    std::map<std::string, std::shared_ptr<Ticker>> tickers_;  // by the id of the control that began it
};

}  // namespace

int main(int argc, char** argv) {
    constexpr const char* kUsage =
        "usage: trunkline-load-app --listen tcp://127.0.0.1:7000 (or unix:///path; may be repeated) [--linger-us N]\n";
    std::vector<const char*> addresses;
    Options options;
    for (int i = 1; i < argc; i += 2) {
        const bool has_value = i + 1 < argc;
        if (has_value && std::strcmp(argv[i], "--listen") == 0) {
            addresses.push_back(argv[i + 1]);
        } else if (has_value && std::strcmp(argv[i], "--linger-us") == 0) {
            options.linger = std::chrono::microseconds(std::strtol(argv[i + 1], nullptr, 10));
        } else {
            std::fputs(kUsage, stderr);
            return 64;
        }
    }
    if (addresses.empty()) {
        std::fputs(kUsage, stderr);
        return 64;
    }
    AppServer server(options);
    LoadApp app(server);
    for (const char* address : addresses) {
        const auto listening = server.listen(address);
        if (!listening) {
            std::fprintf(stderr, "trunkline-load-app: cannot listen at %s: %s\n", address,
                         listening.error().message().c_str());
            return 1;
        }
        std::printf("listening at %s\n", listening.value().c_str());
    }
    std::fflush(stdout);
    server.stop_on_signals();
    return server.run() ? 1 : 0;
}
