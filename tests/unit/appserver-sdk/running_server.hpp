#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/appserver-sdk/fake_proxy.hpp"

#include <trunkline/app_server.hpp>

namespace trunkline::test {

/// An app server on a Unix socket of its own, on a thread of its own, that writes down what happens as short lines:
/// "connect ID", "message TEXT", "disconnect BY CODE", "lost ID".
class RunningServer {
  public:
    using Setup = std::function<void(AppServer&)>;

    /// `setup` may put its own callbacks in the place of the noting ones.
    explicit RunningServer(Options options = {}, Setup setup = {}) : server(std::move(options)) {
        char made[] = "/tmp/trunkline-sdk-test-XXXXXX";
        REQUIRE(::mkdtemp(made) != nullptr);
        directory_ = made;
        server.on_connect([this](const Connection& connection, Answer answer) {
            answer.accept();
            keep(connection);
            note("connect " + std::string(connection.id()));
        });
        server.on_message(
            [this](const Connection&, const Message& message) { note("message " + std::string(message.bytes)); });
        server.on_disconnect([this](const Connection&, const Disconnect& end) {
            note("disconnect " + std::string(to_string(end.by)) + " " + std::to_string(end.code));
        });
        server.on_proxy_up([this](const ProxyInfo& proxy) {
            const std::lock_guard lock(mutex_);
            up_.push_back(proxy.id);
            changed_.notify_all();
        });
        server.on_proxy_lost([this](const ProxyInfo& proxy) { note("lost " + proxy.id); });
        if (setup) setup(server);
        const auto listening = server.listen("unix://" + path());
        REQUIRE(listening);
        thread_ = std::thread([this] { server.run(); });
    }
    ~RunningServer() {
        stop();
        ::rmdir(directory_.c_str());
    }

    std::string path() const { return directory_ + "/s"; }

    void stop() {
        if (!thread_.joinable()) return;
        server.stop();
        thread_.join();
    }

    void note(std::string line) {
        {
            const std::lock_guard lock(mutex_);
            lines_.push_back(std::move(line));
        }
        changed_.notify_all();
    }

    /// Waits until that line was written, and forgets it. False after kPatience.
    bool saw(const std::string& line) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kPatience, [&] {
            const auto found = std::find(lines_.begin(), lines_.end(), line);
            if (found == lines_.end()) return false;
            lines_.erase(found);
            return true;
        });
    }
    /// The same for a line that must be the very next.
    bool saw_next(const std::string& line) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, kPatience, [&] { return !lines_.empty(); })) return false;
        const bool is_it = lines_.front() == line;
        if (!is_it) UNSCOPED_INFO("the next line is: " + lines_.front());
        lines_.erase(lines_.begin());
        return is_it;
    }
    /// Whether that line was written by now.
    bool has(const std::string& line) {
        const auto all = lines();
        return std::find(all.begin(), all.end(), line) != all.end();
    }
    /// Waits until that proxy was said to be up, and forgets it.
    bool saw_up(const std::string& id) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kPatience, [&] { return std::erase(up_, id) != 0; });
    }
    std::vector<std::string> lines() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

    /// Runs `task` on the loop and waits for it.
    void on_loop(std::function<void()> task) {
        bool done = false;
        server.post([&] {
            task();
            const std::lock_guard lock(mutex_);
            done = true;
            changed_.notify_all();
        });
        std::unique_lock lock(mutex_);
        REQUIRE(changed_.wait_for(lock, kPatience, [&] { return done; }));
    }

    /// The connection that was noted last.
    void keep(const Connection& connection) {
        const std::lock_guard lock(mutex_);
        last_ = connection;
    }
    Connection last() {
        const std::lock_guard lock(mutex_);
        return last_;
    }

    AppServer server;

  private:
    std::string directory_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> lines_;
    std::vector<std::string> up_;
    Connection last_;
    std::thread thread_;
};

}  // namespace trunkline::test
