// bare_echo: what trunkline-load needs behind nginx and HAProxy, as cheap as it can be. Every message is echoed; who
// comes with `profile=broadcast` gets the ticks that the one with `profile=control` begins and ends (app_control.hpp).
// One run at a time. No limits, no checks: not for any other use.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <system_error>

#include "tests/bench/bare_server.hpp"
#include "tests/load/app/query.hpp"
#include "tests/load/ledger.hpp"
#include "tests/load/profile.hpp"
#include "tests/load/stamp.hpp"
#include "tests/load/worker.hpp"

namespace trunkline::bench {
namespace {

using load::kAppSender;
using load::now_ns;

/// What is sent to all members at every interval, and when it was.
struct Ticks {
    std::int64_t interval_ns = 0;
    std::size_t size = 0;
    std::int64_t due_ns = 0;
    load::SendLog log;
};

class BareEcho final : public BareServer::Handler {
  public:
    explicit BareEcho(std::uint16_t port) : server_(port, *this) {}

    [[noreturn]] void run() {
        while (true) {
            server_.turn(ticks_ ? wait_ms() : -1);
            if (ticks_) tick();
        }
    }

    void on_open(int client, std::string_view target) override {
        const auto query = target.substr(std::min(target.find('?'), target.size() - 1) + 1);
        const auto profile = load::value_of(query, "profile");
        if (profile == "control") {
            control_ = client;
            control_query_ = query;
        } else if (profile == "broadcast") {
            members_.push_back(client);
        } else {
            return;
        }
        run_ = static_cast<std::uint32_t>(load::parse_hex(load::value_of(query, "run")).value_or(0));
        say(client, load::to_text({'j', run_, kAppSender, 0, now_ns()}));
    }

    void on_message(int client, unsigned char opcode, std::string_view payload) override {
        if (client == control_) return on_control(payload);
        frames_.clear();
        append_frame(frames_, opcode, payload);
        server_.send(client, frames_);
    }

    void on_closed(int client) override {
        std::erase(members_, client);
        if (client != control_) return;
        control_ = -1;
        ticks_.reset();
    }

  private:
    void on_control(std::string_view text) {
        if (text.starts_with('b')) {
            ticks_ = Ticks{load::number_of(control_query_, "interval_ns", 1'000'000'000),
                           static_cast<std::size_t>(load::number_of(control_query_, "size", 64)),
                           now_ns(),
                           {}};
        } else if (ticks_) {
            list(ticks_->log);
            ticks_.reset();
        }
    }

    void list(const load::SendLog& log) {
        constexpr std::uint64_t kTimesPerMessage = 1000;
        for (std::uint64_t from = 0; from < log.count(); from += kTimesPerMessage) {
            auto text = load::to_text({'l', run_, kAppSender, from, 0});
            for (auto i = from; i < std::min(log.count(), from + kTimesPerMessage); ++i) {
                load::append_hex(text, static_cast<std::uint64_t>(log.time_of(i)), 16);
            }
            say(control_, text);
        }
        say(control_, load::to_text({'e', run_, kAppSender, log.count(), 0}));
    }

    int wait_ms() const {
        return static_cast<int>(std::max<std::int64_t>(0, (ticks_->due_ns - now_ns()) / 1'000'000 + 1));
    }

    /// All ticks that are due go to each member in one send: late, it has less to do.
    void tick() {
        const auto now = now_ns();
        frames_.clear();
        for (; ticks_->due_ns <= now; ticks_->due_ns += ticks_->interval_ns) {
            append_frame(frames_, kText,
                         load::to_text({'m', run_, kAppSender, ticks_->log.count(), ticks_->due_ns}, ticks_->size));
            ticks_->log.sent(now);
        }
        if (frames_.empty()) return;
        for (const int member : members_) server_.send(member, frames_);
    }

    void say(int client, std::string_view text) {
        std::string frame;
        append_frame(frame, kText, text);
        server_.send(client, frame);
    }

    BareServer server_;
    std::uint32_t run_ = 0;
    std::vector<int> members_;
    int control_ = -1;
    std::string control_query_;
    std::optional<Ticks> ticks_;
    std::string frames_;
};

}  // namespace
}  // namespace trunkline::bench

int main(int argc, char** argv) {
    const char* port = argc == 3 ? std::strrchr(argv[2], ':') : nullptr;
    if (port == nullptr || std::strcmp(argv[1], "--listen") != 0) {
        std::fprintf(stderr, "usage: bare_echo --listen tcp://127.0.0.1:7000\n");
        return 64;
    }
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    try {
        trunkline::bench::BareEcho(static_cast<std::uint16_t>(std::atoi(port + 1))).run();
    } catch (const std::system_error& error) {
        std::fprintf(stderr, "bare_echo: %s\n", error.what());
        return 1;
    }
}
