#include "net/loop.hpp"

#include <sys/socket.h>

#include <catch2/catch.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "net/byte_stream.hpp"
#include "net/resolve.hpp"
#include "net/unique_fd.hpp"

using namespace trunkline::net;
using namespace std::chrono_literals;

namespace {

/// A client that is closed unless something came from it in time.
class Watched final : public PollHandler {
  public:
    Watched(Loop& loop, Clock::duration patience) : loop_(loop) {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        ours_ = ByteStream(ends[0]);
        theirs_ = ByteStream(ends[1]);
        boost::system::error_code ec;
        token_ = loop.poller().add(ours_.descriptor(), *this, ec);
        loop.schedule(deadline_, Clock::now() + patience);
    }
    ~Watched() override { loop_.poller().remove(token_); }

    void speak() { theirs_.write_some(std::array{std::string_view("x")}); }
    bool was_heard() const { return was_heard_; }
    bool is_late() const { return is_late_; }

  private:
    void on_ready(std::uint32_t) override {
        char byte = 0;
        was_heard_ = was_heard_ || ours_.read_some({&byte, 1}).bytes == 1;
    }
    void on_deadline(Clock::time_point) { is_late_ = !was_heard_; }

    Loop& loop_;
    ByteStream ours_, theirs_;
    Poller::Token token_;
    MemberHook<&Watched::on_deadline> deadline_{*this};
    bool was_heard_ = false;
    bool is_late_ = false;
};

/// A loop that runs on a thread of its own until the end of the test, and has gone to sleep when the test begins.
class Running {
  public:
    Running() {
        std::promise<void> runs;
        loop_.post([&] { runs.set_value(); });
        thread_ = std::thread([this] { loop_.run(); });
        runs.get_future().wait();
        std::this_thread::sleep_for(20ms);
    }
    ~Running() {
        loop_.stop();
        thread_.join();
    }

    /// Whether `promise` is kept within ten seconds: nothing of these tests takes longer than a wake-up.
    static bool is_kept(std::future<void> promise) { return promise.wait_for(10s) == std::future_status::ready; }

    Loop& loop() { return loop_; }

  private:
    Loop loop_;
    std::thread thread_;
};

/// Does something at a deadline.
class Alarm {
  public:
    Alarm(Loop& loop, std::function<void()> action) : loop_(loop), action_(std::move(action)) {}
    void set(Clock::time_point when) { loop_.schedule(hook_, when); }

  private:
    void on_deadline(Clock::time_point) { action_(); }

    Loop& loop_;
    const std::function<void()> action_;
    MemberHook<&Alarm::on_deadline> hook_{*this};
};

/// Does something each time that a descriptor is ready.
class OnReady final : public PollHandler {
  public:
    explicit OnReady(std::function<void()> action) : action_(std::move(action)) {}

  private:
    void on_ready(std::uint32_t) override { action_(); }

    const std::function<void()> action_;
};

UniqueFd make_eventfd() { return UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

void ring(int eventfd) {
    const std::uint64_t one = 1;
    REQUIRE(::write(eventfd, &one, sizeof one) == sizeof one);
}

}  // namespace

TEST_CASE("Loop: a post from another thread wakes it, and so does stop", "[net][loop]") {
    Running running;
    for (int i = 0; i < 100; ++i) {
        std::promise<void> ran;
        running.loop().post([&] { ran.set_value(); });
        REQUIRE(Running::is_kept(ran.get_future()));
    }
}

TEST_CASE("Loop: what Asio waits for wakes it", "[net][loop]") {
    Running running;
    Loop& loop = running.loop();
    std::promise<void> came;

    SECTION("a descriptor") {
        auto bell = make_eventfd();
        Descriptor descriptor(loop.executor());
        loop.post([&] {
            descriptor.assign(bell.get());
            descriptor.async_wait(Descriptor::wait_read, [&](const boost::system::error_code&) {
                descriptor.release();
                came.set_value();
            });
        });
        std::this_thread::sleep_for(20ms);
        ring(bell.get());
        CHECK(Running::is_kept(came.get_future()));
    }
    SECTION("a timer") {
        Timer timer(loop.executor());
        loop.post([&] {
            timer.expires_after(20ms);
            timer.async_wait([&](const boost::system::error_code&) { came.set_value(); });
        });
        CHECK(Running::is_kept(came.get_future()));
    }
    SECTION("a name that its own thread looks up") {
        loop.post([&] {
            async_resolve(loop.executor(), Endpoint::tcp(std::string(64, 'x') + ".invalid", 1),
                          [&](const boost::system::error_code&, const std::vector<Endpoint>&) { came.set_value(); });
        });
        CHECK(Running::is_kept(came.get_future()));
    }
}

TEST_CASE("Loop: what a deadline or a socket posts runs before it sleeps", "[net][loop]") {
    Running running;
    Loop& loop = running.loop();
    std::promise<void> ran;
    const auto post = [&] { boost::asio::post(loop.executor(), [&] { ran.set_value(); }); };

    SECTION("a deadline") {
        Alarm alarm(loop, post);
        loop.post([&] { alarm.set(loop.now() + 20ms); });
        CHECK(Running::is_kept(ran.get_future()));
    }
    SECTION("a socket") {
        auto bell = make_eventfd();
        bool is_first = true;  // the edge of a socket that can be written
        OnReady handler([&] {
            if (!std::exchange(is_first, false)) post();
        });
        Poller::Token token;
        loop.post([&] {
            boost::system::error_code ec;
            token = loop.poller().add(bell.get(), handler, ec);
        });
        std::this_thread::sleep_for(20ms);
        ring(bell.get());
        CHECK(Running::is_kept(ran.get_future()));
        std::promise<void> removed;
        loop.post([&] {
            loop.poller().remove(token);
            removed.set_value();
        });
        removed.get_future().wait();
    }
}

TEST_CASE("Loop: a deadline that is set while it sleeps elsewhere is kept, and none early", "[net][loop]") {
    Running running;
    Loop& loop = running.loop();
    std::promise<void> rang;
    Clock::time_point set, at;
    Alarm alarm(loop, [&] {
        at = Clock::now();
        rang.set_value();
    });
    loop.post([&] {
        set = Clock::now();
        alarm.set(set + 30ms);
    });
    REQUIRE(Running::is_kept(rang.get_future()));
    CHECK(at - set >= 30ms);
}

TEST_CASE("Loop: exact deadlines are kept to less than the wheel's tick, and none early", "[net][loop]") {
    constexpr int kInARow = 10;
    constexpr auto kEach = 200us;
    // Where deadlines are met at ticks of 2 ms, ten in a row take 20 ms, however quiet the machine is.
    bool was_exact = false;
    for (int tries = 0; tries < 200 && !was_exact; ++tries) {
        Loop loop;
        int left = kInARow;
        struct Exact {
            void on_deadline(Clock::time_point) { again(); }
            std::function<void()> again;
            MemberHook<&Exact::on_deadline> hook{*this};
        } exact;
        exact.again = [&] {
            if (--left > 0) loop.schedule_exactly(exact.hook, Clock::now() + kEach);
        };
        const auto start = Clock::now();
        loop.schedule_exactly(exact.hook, start + kEach);
        while (left > 0 && Clock::now() - start < 10s) loop.run_for(10ms);
        const auto took = Clock::now() - start;
        REQUIRE(left == 0);
        REQUIRE(took >= kInARow * kEach);
        was_exact = took < 10ms;
    }
    CHECK(was_exact);
}

TEST_CASE("Loop: sleeps while nothing is ready", "[net][loop]") {
    Running running;
    Loop& loop = running.loop();
    const auto cpu = [&] {
        std::promise<timespec> told;
        loop.post([&] {
            timespec now;
            ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
            told.set_value(now);
        });
        const auto now = told.get_future().get();
        return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
    };
    const auto before = cpu();
    std::this_thread::sleep_for(500ms);
    CHECK(cpu() - before < 100ms);
}

TEST_CASE("Loop: an io_context of somebody else runs inside a callback", "[net][loop]") {
    Running running;
    std::promise<void> ran;
    running.loop().post([&] {
        boost::asio::io_context other;
        boost::asio::steady_timer timer(other, 20ms);
        timer.async_wait([&](const boost::system::error_code&) { ran.set_value(); });
        other.run();
    });
    CHECK(Running::is_kept(ran.get_future()));
}

TEST_CASE("Loop: run_for ends with the first event, or in time", "[net][loop]") {
    Loop loop;
    bool was_called = false;
    const auto took = [&](Clock::duration longest) {
        const auto start = Clock::now();
        loop.run_for(longest);
        return Clock::now() - start;
    };
    loop.post([&] { was_called = true; });
    CHECK(took(20s) < 10s);
    CHECK(was_called);
    Alarm alarm(loop, [] {});
    alarm.set(Clock::now() + 10ms);
    CHECK(took(20s) < 10s);
    Watched client(loop, 1h);
    CHECK(took(20s) < 10s);  // writable
    CHECK(took(20ms) >= 20ms);
    client.speak();
    CHECK(took(20s) < 10s);
    CHECK(client.was_heard());
}

TEST_CASE("Loop: after it was held up, what came in time is not late", "[net][loop]") {
    Loop loop;
    loop.run_for(0ms);
    std::vector<std::unique_ptr<Watched>> clients;
    for (int i = 0; i < 3 * Poller::kEventsPerTurn; ++i) clients.push_back(std::make_unique<Watched>(loop, 150ms));
    for (int i = 0; i < 10; ++i) loop.run_for(1ms);  // their first edges: writable
    for (const auto& client : clients) client->speak();
    std::this_thread::sleep_for(400ms);  // the process does not run
    for (int i = 0; i < 10; ++i) loop.run_for(10ms);
    int late = 0, heard = 0;
    for (const auto& client : clients) {
        late += client->is_late() ? 1 : 0;
        heard += client->was_heard() ? 1 : 0;
    }
    CHECK(late == 0);
    CHECK(heard == 3 * Poller::kEventsPerTurn);
}
