// What the log is for when something does not go on: it says what, names whom, and says it once.
#include <catch2/catch.hpp>

#include "tests/unit/appserver-sdk/running_server.hpp"

using namespace trunkline;
using namespace trunkline::test;

namespace {

/// The lines of an app server's log.
class Log {
  public:
    /// `options` with a log that ends here, which must outlive the app server.
    Options into_this(Options options = {}) {
        options.on_log = [this](LogLevel level, std::string_view text) {
            const std::lock_guard lock(mutex_);
            lines_.emplace_back(level, text);
        };
        return options;
    }
    std::size_t count(LogLevel level, std::string_view text) const {
        const std::lock_guard lock(mutex_);
        return static_cast<std::size_t>(std::count_if(lines_.begin(), lines_.end(), [&](const auto& line) {
            return line.first == level && line.second.find(text) != std::string::npos;
        }));
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::pair<LogLevel, std::string>> lines_;
};

Announced migrating() {
    Announced announced;
    announced.features = {proto::kFeatureMigrate};
    return announced;
}

/// An app server that drains, with connections that do not leave because they are paused.
struct DrainFixture {
    explicit DrainFixture(std::chrono::milliseconds timeout, std::uint32_t connections = 1)
        : app(log.into_this(with_timeout(timeout))) {
        proxy.link();
        for (std::uint32_t chan = 1; chan <= connections; ++chan) {
            proxy.open(chan);
            REQUIRE(app.saw("connect " + proxy.id_of(chan)));
            app.last().pause();
            proxy.expect<proto::Pause>();
            proxy.send(0, proto::Detach{proto::Chan{chan}});  // before the drain, so that no report comes before it
        }
        proxy.open(connections + 1);
        proxy.close(connections + 1);
        REQUIRE(app.saw("disconnect client 1000"));  // all before that has been handled
        app.server.drain();
        proxy.expect<proto::Drain>();
        proxy.send(0, proto::Drain{1});
    }
    static Options with_timeout(std::chrono::milliseconds timeout) {
        Options options;
        options.limits.drain_timeout = timeout;
        return options;
    }

    Log log;
    RunningServer app;
    FakeProxy proxy{app.path(), 1, migrating()};
};

}  // namespace

TEST_CASE("log: whoever dials an app server that drains is refused without a warning", "[appserver-sdk][log]") {
    DrainFixture f(1h);
    for (const char pool : {'B', 'C', 'D'}) {
        Announced next = migrating();
        next.pool = pool;
        FakeProxy again(f.app.path(), 1, next);
        CHECK(again.attach(0) == proto::make_error_code(proto::errc::lane_refused));
    }
    f.app.on_loop([] {});
    CHECK(f.log.count(LogLevel::warning, "") == 0);
}

TEST_CASE("log: a drain that does not end says who holds it up, and why", "[appserver-sdk][log]") {
    DrainFixture f(200ms);
    REQUIRE(f.app.saw("disconnect app 1012"));  // the time is over
    const auto named = f.log.count(LogLevel::warning, "1 paused by the app (" + f.proxy.id_of(1) + ")");
    CHECK(named >= 1);
    CHECK(named <= 2);  // halfway, and at the end: unless the loop was kept from running in between
}

TEST_CASE("log: of many that hold up a drain some are named", "[appserver-sdk][log]") {
    DrainFixture f(100ms, 7);
    REQUIRE(f.app.saw("disconnect app 1012"));
    CHECK(f.log.count(LogLevel::warning, "7 connections are left; 7 paused by the app (") >= 1);
    CHECK(f.log.count(LogLevel::warning, ", ...)") >= 1);
    std::size_t named = 0;
    for (std::uint32_t chan = 1; chan <= 7; ++chan) named += f.log.count(LogLevel::warning, f.proxy.id_of(chan)) != 0;
    CHECK(named == 5);
}

TEST_CASE("log: that two lives of a proxy are there is said once, however often they dial", "[appserver-sdk][log]") {
    Log log;
    Options options;
    options.limits.probe_timeout = 1s;  // to answer within
    RunningServer app(log.into_this(options));
    FakeProxy older(app.path());
    older.link();
    REQUIRE(app.saw_up("proxy-1"));
    Announced next;
    next.epoch = 0xabcd0002;
    next.pool = 'B';
    FakeProxy newer(app.path(), 3, next);
    newer.link();

    std::atomic<bool> have_probes_ended{false};  // those of all three hellos
    app.server.post_after(options.limits.probe_timeout + 100ms, [&] { have_probes_ended = true; });
    REQUIRE(older.pump_until([&] { return have_probes_ended.load(); }));
    CHECK(log.count(LogLevel::info, "lives beside another of its id") == 1);
}
