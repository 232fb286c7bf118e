#include "proxy/verbs/verb_bus.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <charconv>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "proxy/verbs/verbs.hpp"
#include "tests/support/fake_app.hpp"
#include "tests/support/proxy_worker.hpp"
#include "trunkline/protocol/service/encode.hpp"

using namespace std::chrono_literals;
using namespace trunkline;
using proxy::VerbBus;

namespace {

constexpr std::size_t kWorkers = 3;

/// The body of a frame that has its length in front.
template <class Message>
std::string body_of(const Message& message) {
    protocol::Buffer frame;
    append(frame, message);
    return frame.substr(protocol::read_length(frame, protocol::kMaxFrameLength).value()->prefix);
}

/// A worker's thread that posts numbered verbs and notes what it receives.
struct Poster {
    Poster(VerbBus& its_bus, std::size_t its_index) : bus(its_bus), index(its_index) {
        bus.join(index, loop, [this](std::string_view upstream, protocol::Bytes body) { receive(upstream, body); });
    }
    void receive(std::string_view upstream, protocol::Bytes body) {
        std::size_t number = 0;
        std::from_chars(body.data(), body.data() + body.size(), number);
        const auto from = static_cast<std::size_t>(upstream.back() - '0');
        in_order = in_order && number == next[from]++;
        ++received;
    }
    void run(int verbs, std::size_t expected) {
        const auto deadline = net::Clock::now() + 20s;
        int posted = 0;
        while ((posted < verbs || received < expected) && net::Clock::now() < deadline) {
            loop.post([&] {
                for (int i = 0; i < 100 && posted < verbs; ++i) {
                    if (!bus.post(index, "of" + std::to_string(index), std::to_string(posted))) break;
                    ++posted;
                }
            });
            loop.run_for(1ms);
        }
    }

    VerbBus& bus;
    const std::size_t index;
    net::Loop loop;
    std::array<std::size_t, kWorkers> next{};
    std::size_t received = 0;
    bool in_order = true;
};

/// One worker of a proxy with a client, whose app server does nothing but take it.
struct Worker {
    Worker(VerbBus& bus, std::size_t index) : path(tests::socket_path() + std::to_string(index)), worker(path) {
        app.server.hello().features = {protocol::kFeatureResume};
        bus.join(index, worker.loop(), [this](std::string_view upstream, protocol::Bytes body) {
            if (upstream != worker.upstream().name()) return;
            auto verbs = proxy::Verbs::of_other_worker(worker.upstream().connections());
            apply_verb(verbs, body);
        });
        worker.upstream().start();
        REQUIRE(worker.run_until([&] { return (client = worker.connect()).has_value(); }));
    }
    std::string receive() {
        char buffer[1024];
        std::string text;
        REQUIRE(worker.run_until([&] {
            const auto n = ::recv(client->get(), buffer, sizeof buffer, MSG_DONTWAIT);
            if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
            return text.find("to all") != std::string::npos;
        }));
        return text;
    }

    struct App {
        App(net::Loop& loop, const std::string& path) : server(loop, path) {}
        tests::FakeApp server;
    };
    const std::string path;
    tests::ProxyWorker worker;
    App app{worker.loop(), path};
    std::optional<net::UniqueFd> client;
};

}  // namespace

TEST_CASE("verb bus: what one worker posts reaches the others, in order and once", "[proxy][verbs]") {
    constexpr int kVerbs = 20'000;
    VerbBus bus(kWorkers);
    std::vector<std::unique_ptr<Poster>> posters;
    for (std::size_t i = 0; i < kWorkers; ++i) posters.push_back(std::make_unique<Poster>(bus, i));
    std::vector<std::thread> threads;
    for (const auto& poster : posters) {
        threads.emplace_back([&poster] { poster->run(kVerbs, kVerbs * (kWorkers - 1)); });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& poster : posters) {
        CHECK(poster->received == kVerbs * (kWorkers - 1));
        CHECK(poster->in_order);
        CHECK(poster->next[poster->index] == 0);  // nothing of its own
    }
}

TEST_CASE("verb bus: a worker that stands still bounds what waits for it, one that has left does not",
          "[proxy][verbs]") {
    VerbBus bus(kWorkers);
    Poster posting(bus, 0);
    Poster standing(bus, 1);
    Poster other(bus, 2);
    const std::string body(64 << 10, '0');
    std::size_t taken = 0;
    while (taken < 1000 && bus.post(0, "of0", body)) ++taken;
    CHECK(taken * body.size() >= VerbBus::kMaxWaitingBytes);
    CHECK(taken * body.size() < VerbBus::kMaxWaitingBytes + 2 * body.size());

    const auto cross = [&](std::size_t expected) {
        for (int i = 0; i < 100 && other.received < expected; ++i) {
            posting.loop.run_for(1ms);
            other.loop.run_for(10ms);
        }
        CHECK(other.received == expected);
    };
    cross(taken);
    CHECK_FALSE(bus.post(0, "of0", body));
    bus.leave(1);
    CHECK(bus.post(0, "of0", body));
    cross(taken + 1);
    CHECK(standing.received == 0);
}

TEST_CASE("verb bus: a broadcast that came to one worker reaches the clients of three", "[proxy][verbs]") {
    VerbBus bus(kWorkers);
    std::vector<std::unique_ptr<Worker>> workers;
    for (std::size_t i = 0; i < kWorkers; ++i) workers.push_back(std::make_unique<Worker>(bus, i));

    protocol::BroadcastData all;
    const std::vector<protocol::PayloadMap::Entry> payloads{{"text", "to all"}};
    all.payloads = payloads;
    const auto body = body_of(all);
    proxy::Verbs own(workers[0]->worker.upstream().connections());
    apply_verb(own, body);
    REQUIRE(bus.post(0, "test", body));
    std::uint64_t counted = 0;
    for (const auto& worker : workers) {
        CHECK(worker->receive().find("to all") != std::string::npos);
        counted += worker->worker.counters().fanout_frames.value();
    }
    CHECK(counted == 1);
}
