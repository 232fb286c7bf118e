#include "net/mailbox.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>

#include "net/asio.hpp"

using namespace trunkline::net;

TEST_CASE("Mailbox: one wake per batch, everything in order", "[net][mailbox]") {
    int wakes = 0;
    Mailbox<int> mailbox([&] { ++wakes; });
    std::vector<int> seen;
    const auto drain = [&] { return mailbox.drain([&](int message) { seen.push_back(message); }); };

    CHECK(drain() == 0);
    CHECK(mailbox.push(1));
    CHECK(mailbox.push(2));
    std::vector<int> more{3, 4};
    CHECK(mailbox.push_all(more));
    CHECK(more.empty());
    CHECK(mailbox.push_all(more));
    CHECK(wakes == 1);
    CHECK(drain() == 4);
    CHECK(drain() == 0);
    CHECK(seen == std::vector{1, 2, 3, 4});

    CHECK(mailbox.push(5));
    CHECK(wakes == 2);
}

TEST_CASE("Mailbox: what is pushed while draining is the next batch", "[net][mailbox]") {
    int wakes = 0;
    Mailbox<int> mailbox([&] { ++wakes; });
    CHECK(mailbox.push(3));
    std::vector<int> seen;
    const auto drain = [&] {
        return mailbox.drain([&](int message) {
            seen.push_back(message);
            if (message > 0) CHECK(mailbox.push(message - 1));
        });
    };
    CHECK(drain() == 1);
    CHECK(wakes == 2);
    for (int i = 0; i < 3; ++i) CHECK(drain() == 1);
    CHECK(drain() == 0);
    CHECK(seen == std::vector{3, 2, 1, 0});
    CHECK(wakes == 4);
}

TEST_CASE("Mailbox: closed, it takes nothing and gives what it has", "[net][mailbox]") {
    Mailbox<std::unique_ptr<int>> mailbox([] {});
    CHECK(mailbox.push(std::make_unique<int>(1)));
    mailbox.close();
    CHECK_FALSE(mailbox.push(std::make_unique<int>(2)));
    int sum = 0;
    mailbox.drain([&](std::unique_ptr<int> message) { sum += *message; });
    CHECK(sum == 1);
}

TEST_CASE("Mailbox: many threads into one loop lose and reorder nothing", "[net][mailbox]") {
    constexpr int kThreads = 4;
    constexpr int kEach = 20'000;
    struct Message {
        int writer;
        int number;
    };
    asio::io_context loop;
    std::atomic<int> wakes = 0;
    std::array<int, kThreads> next{};
    int received = 0;
    bool in_order = true;
    std::function<void()> on_wake;
    Mailbox<Message> mailbox([&] {
        ++wakes;
        asio::post(loop, on_wake);
    });
    auto work = asio::make_work_guard(loop);
    on_wake = [&] {
        mailbox.drain([&](Message message) {
            auto& expected = next[static_cast<std::size_t>(message.writer)];
            in_order = in_order && message.number == expected;
            ++expected;
            if (++received == kThreads * kEach) work.reset();
        });
    };
    std::vector<std::thread> writers;
    for (int writer = 0; writer < kThreads; ++writer) {
        writers.emplace_back([&mailbox, writer] {
            std::vector<Message> batch;
            for (int number = 0; number < kEach; ++number) {
                if (writer % 2 == 0) {
                    (void)mailbox.push({writer, number});
                    continue;
                }
                batch.push_back({writer, number});
                if (batch.size() == 10) (void)mailbox.push_all(batch);
            }
        });
    }
    loop.run_for(std::chrono::seconds(60));
    for (auto& writer : writers) writer.join();
    CHECK(received == kThreads * kEach);
    CHECK(in_order);
    CHECK(wakes >= 1);
    CHECK(wakes <= kThreads * kEach);
}
