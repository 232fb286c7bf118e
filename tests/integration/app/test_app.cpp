// The app server of the integration tests. A message that is not a JSON object is echoed; an object is a command (the
// table is in `run_command`), answered with an object that carries the command's `id` as `re`. What is to happen at
// connect stands in the query: user=, group= (several), refuse=CODE, late=MILLISECONDS.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <trunkline/app_server.hpp>
#include <utility>
#include <vector>

namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using trunkline::Connection;
using trunkline::Message;
using trunkline::MessageKind;

/// The values of `name` in a query, as they stand: the tests use nothing that needs decoding.
std::vector<std::string> query_values(std::string_view query, std::string_view name) {
    std::vector<std::string> values;
    while (!query.empty()) {
        const auto part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        if (part.size() > name.size() && part.starts_with(name) && part[name.size()] == '=') {
            values.emplace_back(part.substr(name.size() + 1));
        }
    }
    return values;
}

int query_number(std::string_view query, std::string_view name) {
    const auto values = query_values(query, name);
    return values.empty() ? 0 : std::atoi(values.front().c_str());
}

/// What the callbacks were called with, a line each, written before they return: it survives the death of the process.
class Journal {
  public:
    explicit Journal(const std::string& path) {
        if (!path.empty()) {
            fd_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        }
    }
    ~Journal() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    void write(std::string_view what, std::string_view id, std::string_view how, std::string_view more) {
        if (fd_ < 0) {
            return;
        }
        std::string line;
        for (const auto part : {what, id, how, more}) {
            line.append(part).append(1, '\t');
        }
        line.back() = '\n';
        if (::write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
            std::abort();
        }
    }

  private:
    int fd_ = -1;
};

/// Sets the limit that `text`, as `name=milliseconds`, names.
bool set_limit(trunkline::Limits& limits, std::string_view text) {
    const auto name = text.substr(0, text.find('='));
    const milliseconds value(std::atoi(std::string(text.substr(std::min(name.size() + 1, text.size()))).c_str()));
    const std::pair<std::string_view, milliseconds*> known[] = {
        {"link_silence", &limits.link_silence},   {"keep_alive", &limits.keep_alive},
        {"stall_timeout", &limits.stall_timeout}, {"proxy_gone_after", &limits.proxy_gone_after},
        {"probe_timeout", &limits.probe_timeout}, {"drain_timeout", &limits.drain_timeout}};
    for (const auto& [known_name, limit] : known) {
        if (name == known_name) {
            *limit = value;
            return true;
        }
    }
    return false;
}

/// A thread that is not the loop, and does one task after another.
class Worker {
  public:
    ~Worker() {
        {
            std::lock_guard lock(mutex_);
            ended_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

    void post(std::function<void()> task) {
        {
            std::lock_guard lock(mutex_);
            tasks_.push_back(std::move(task));
        }
        wake_.notify_one();
    }

    bool has_ended() const { return ended_; }

  private:
    void run() {
        std::unique_lock lock(mutex_);
        while (true) {
            wake_.wait(lock, [this] { return ended_ || !tasks_.empty(); });
            if (ended_) {
                return;
            }
            auto task = std::move(tasks_.front());
            tasks_.pop_front();
            lock.unlock();
            task();
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> tasks_;
    std::atomic<bool> ended_{false};
    std::thread thread_{[this] { run(); }};
};

class TestApp {
  public:
    TestApp(trunkline::Options options, const std::string& journal)
        : name_(options.name), journal_(journal), server_(std::move(options)) {
        server_.on_connect([this](const Connection& c, trunkline::Answer answer) { on_connect(c, std::move(answer)); });
        server_.on_message([this](const Connection& c, const Message& m) { on_message(c, m); });
        server_.on_disconnect([this](const Connection& c, const trunkline::Disconnect& d) {
            ++disconnects_;
            journal_.write("close", c.id(), trunkline::to_string(d.by), "");
            last_end_ = {{"id", c.id()}, {"by", trunkline::to_string(d.by)}, {"code", d.code}, {"reason", d.reason}};
        });
        server_.on_ready([this] {
            ++readies_;
            if (!when_ready_.empty()) (void)server_.to_all().send(when_ready_);
        });
        server_.on_proxy_up([this](const trunkline::ProxyInfo&) { ++proxies_up_; });
        server_.on_proxy_lost([this](const trunkline::ProxyInfo&) { ++proxies_lost_; });
    }

    /// A broadcast for the moment of on_ready.
    void send_when_ready(std::string text) { when_ready_ = std::move(text); }

    int run(const std::vector<std::string>& addresses, bool drains) {
        for (const auto& address : addresses) {
            const auto listening = server_.listen(address);
            if (!listening) {
                std::fprintf(stderr, "test_app: %s: %s\n", address.c_str(), listening.error().message().c_str());
                return 1;
            }
            std::printf("listening %s\n", listening->c_str());
        }
        std::fflush(stdout);
        drains ? server_.drain_on_signals() : server_.stop_on_signals();
        const auto error = server_.run();
        if (error) {
            std::fprintf(stderr, "test_app: %s\n", error.message().c_str());
        }
        return error ? 1 : 0;
    }

  private:
    void on_connect(const Connection& connection, trunkline::Answer answer) {
        ++connects_;
        std::string groups;
        for (const auto group : connection.groups()) {
            groups += " " + std::string(group);
        }
        constexpr const char* kWords[] = {"fresh", "resumed", "migrated"};
        journal_.write("open", connection.id(), kWords[static_cast<int>(connection.opened())], groups);
        const auto query = connection.query();
        if (const int code = query_number(query, "refuse")) {
            answer.refuse(static_cast<std::uint16_t>(code), "refused by the app");
            return;
        }
        trunkline::Acceptance acceptance;
        acceptance.groups = query_values(query, "group");
        for (auto& user : query_values(query, "user")) {
            acceptance.user = user;
        }
        for (auto& chosen : query_values(query, "subprotocol")) {
            acceptance.subprotocol = chosen;
        }
        if (const int late = query_number(query, "late")) {
            auto kept = std::make_shared<trunkline::Answer>(std::move(answer));
            server_.post_after(milliseconds(late), [kept, acceptance] { kept->accept(acceptance); });
            return;
        }
        answer.accept(std::move(acceptance));
    }

    void on_message(const Connection& connection, const Message& message) {
        journal_.write("message", connection.id(), message.redelivered ? "redelivered" : "first",
                       message.bytes.substr(0, 80));
        if (message.bytes == "die") {
            std::_Exit(9);
        }
        if (message.kind == MessageKind::text && message.bytes.starts_with('{')) {
            const json command = json::parse(message.bytes, nullptr, false);
            if (command.is_object() && command.contains("do")) {
                return run_command(connection, command);
            }
        }
        send_when_possible(connection, message.kind, std::string(message.bytes));
    }

    /// Echoes are never lost: a client that does not keep up is paused until it does, and so is one whose echo finds no
    /// room, which is then sent first.
    void send_when_possible(const Connection& connection, MessageKind kind, std::string bytes) {
        const bool is_sent = connection.send(kind, bytes) != trunkline::errc::would_block;
        if (is_sent && connection.is_writable()) {
            return;
        }
        if (is_sent) {
            bytes.clear();
        }
        connection.pause();
        connection.when_writable(
            [this, connection, kind, is_sent, bytes = std::move(bytes)](std::error_code ended) mutable {
                if (ended) {
                    return;
                }
                connection.resume();
                if (!is_sent) {
                    send_when_possible(connection, kind, std::move(bytes));
                }
            });
    }

    void answer(const Connection& connection, const json& command, json fields = json::object()) {
        fields["re"] = command.value("id", 0);
        send_when_possible(connection, MessageKind::text, fields.dump());
    }
    void answer_error(const Connection& connection, const json& command, std::error_code error) {
        answer(connection, command, {{"error", error ? error.message() : ""}});
    }
    /// For requests that are acknowledged: the answer goes out when the status is there.
    trunkline::Completion completion(const Connection& connection, const json& command) {
        return [this, connection, command](trunkline::AckStatus status) {
            answer(connection, command, {{"status", trunkline::to_string(status)}});
        };
    }
    void answer_if_failed(const Connection& connection, const json& command, std::error_code error) {
        if (error) {
            answer_error(connection, command, error);
        }
    }

    void run_command(const Connection& connection, const json& command) {
        const std::string what = command.value("do", "");
        const std::string group = command.value("group", "");
        const std::string text = command.value("text", "");
        const auto ms = milliseconds(command.value("ms", 0));
        const auto except = command.value("except", std::vector<std::string>{});
        const auto done = [&](std::error_code error) { answer_if_failed(connection, command, error); };

        if (what == "whoami") {
            json headers = json::array();
            for (const auto& header : connection.headers()) {
                headers.push_back({header.name, header.value});
            }
            answer(connection, command,
                   {{"connection", connection.id()},
                    {"user", connection.user()},
                    {"path", connection.path()},
                    {"query", connection.query()},
                    {"host", connection.host()},
                    {"subprotocol", connection.subprotocol()},
                    {"proxy", connection.proxy()},
                    {"remote", connection.remote_address()},
                    {"app", name_},
                    {"headers", headers}});
        } else if (what == "stats") {
            answer(connection, command,
                   {{"connects", connects_.load()},
                    {"disconnects", disconnects_.load()},
                    {"connections", server_.connection_count()},
                    {"proxies_up", proxies_up_.load()},
                    {"proxies_lost", proxies_lost_.load()},
                    {"readies", readies_.load()},
                    {"last_end", last_end_}});
        } else if (what == "join") {
            done(connection.join(group, completion(connection, command)));
        } else if (what == "leave") {
            done(connection.leave(group, completion(connection, command)));
        } else if (what == "group") {
            answer_error(connection, command, server_.to_group(group).except(except).send(text));
        } else if (what == "all") {
            answer_error(connection, command, server_.to_all().except(except).send(text));
        } else if (what == "user") {
            answer_error(connection, command, server_.to_user(command.value("user", "")).send(text));
        } else if (what == "to") {
            answer_error(connection, command, server_.send_to(command.value("connection", ""), text));
        } else if (what == "exists") {
            done(server_.to_connection(command.value("connection", "")).exists(completion(connection, command)));
        } else if (what == "group-exists") {
            done(server_.to_group(group).exists(completion(connection, command)));
        } else if (what == "user-exists") {
            done(server_.to_user(command.value("user", "")).exists(completion(connection, command)));
        } else if (what == "close") {
            connection.close(command.value("code", std::uint16_t{1000}), command.value("reason", ""));
        } else if (what == "close-other") {
            answer_error(connection, command,
                         server_.to_connection(command.value("connection", ""))
                             .close(command.value("code", std::uint16_t{1000}), command.value("reason", "")));
        } else if (what == "close-user") {
            done(server_.to_user(command.value("user", ""))
                     .close(command.value("code", std::uint16_t{1000}), command.value("reason", ""),
                            completion(connection, command)));
        } else if (what == "close-group") {
            done(server_.to_group(group).close(command.value("code", std::uint16_t{1000}), command.value("reason", ""),
                                               completion(connection, command)));
        } else if (what == "pause") {
            connection.pause();
            answer(connection, command);
            server_.post_after(ms, [connection] { connection.resume(); });
        } else if (what == "stall") {  // what a callback must not do
            std::this_thread::sleep_for(ms);
            answer(connection, command);
        } else if (what == "numbers") {  // `count` numbered texts from another thread
            worker_.post([this, connection, command] { send_numbers(connection, command); });
        } else if (what == "all-numbers") {
            worker_.post([this, connection, command] { broadcast_numbers(connection, command); });
        } else if (what == "join-then-thread") {
            // The join's call happens before the other thread is told, so its send must find the connection in the
            // group.
            done(connection.join(group));
            worker_.post([this, connection, command, group, text] {
                until_taken([&] { return server_.to_group(group).send(text); });
                answer_error(connection, command, {});
            });
        } else if (what == "die") {
            _exit(9);
        } else {
            answer(connection, command, {{"error", "unknown command"}});
        }
    }

    /// Repeats a call from another thread until it is not refused for want of room.
    template <class Call>
    std::error_code until_taken(Call call) {
        while (!worker_.has_ended()) {
            const std::error_code error = call();
            if (error != trunkline::errc::would_block) {
                return error;
            }
            std::this_thread::sleep_for(milliseconds(1));
        }
        return {};
    }

    void send_numbers(const Connection& connection, const json& command) {
        const std::string padding(command.value("size", std::size_t{0}), '.');
        for (int i = 0; i < command.value("count", 0); ++i) {
            const auto text = command.value("text", "") + std::to_string(i) + " " + padding;
            if (until_taken([&] { return connection.send(text); })) {
                return;
            }
        }
        answer(connection, command);
    }

    void broadcast_numbers(const Connection& connection, const json& command) {
        const std::string padding(command.value("size", std::size_t{0}), '.');
        for (int i = 0; i < command.value("count", 0); ++i) {
            const auto text = command.value("text", "") + std::to_string(i) + " " + padding;
            if (const auto error = until_taken([&] { return server_.to_all().send(text); })) {
                return answer_error(connection, command, error);
            }
        }
        answer(connection, command);
    }

    const std::string name_;
    Journal journal_;
    std::atomic<std::uint64_t> connects_{0}, disconnects_{0}, proxies_up_{0}, proxies_lost_{0}, readies_{0};
    std::string when_ready_;
    json last_end_;  // of the loop
    trunkline::AppServer server_;
    Worker worker_;  // ends before the server does
};

}  // namespace

int main(int argc, char** argv) {
    trunkline::Options options;
    std::vector<std::string> addresses;
    std::string when_ready, journal;
    bool drains = false;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view option = argv[i];
        if (option == "--listen") {
            addresses.emplace_back(argv[i + 1]);
        }
        if (option == "--name") {
            options.name = argv[i + 1];
        }
        if (option == "--link-key-file") {
            options.link_key_file = argv[i + 1];
        }
        if (option == "--warm-up") {
            options.warm_up = milliseconds(std::atoi(argv[i + 1]));
        }
        if (option == "--when-ready") {
            when_ready = argv[i + 1];
        }
        if (option == "--limit" && !set_limit(options.limits, argv[i + 1])) {
            std::fprintf(stderr, "test_app: no limit is called %s\n", argv[i + 1]);
            return 64;
        }
        if (option == "--journal") {
            journal = argv[i + 1];
        }
        if (option == "--at-signal") {
            drains = argv[i + 1] == std::string_view("drain");
        }
        if (option == "--ring") {
            options.limits.ring = std::strtoull(argv[i + 1], nullptr, 10);
        }
        if (option == "--window") {
            options.limits.window = std::strtoull(argv[i + 1], nullptr, 10);
        }
    }
    if (addresses.empty()) {
        std::fprintf(
            stderr,
            "usage: test_app --listen ADDRESS [--listen ADDRESS] [--name NAME] [--link-key-file FILE] [--ring BYTES] "
            "[--window BYTES] [--warm-up MILLISECONDS] [--when-ready TEXT] [--limit NAME=MILLISECONDS] [--journal "
            "FILE] "
            "[--at-signal stop|drain]\n");
        return 64;
    }
    options.on_log = [](trunkline::LogLevel, std::string_view line) {
        std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    };
    TestApp app(std::move(options), journal);
    app.send_when_ready(std::move(when_ready));
    return app.run(addresses, drains);
}
