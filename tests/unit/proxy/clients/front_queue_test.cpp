#include "proxy/clients/front_queue.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

using trunkline::proxy::FrontQueue;

namespace {

template <class Items>
std::size_t allowed(const FrontQueue<Items>& queue) {
    using Queue = FrontQueue<Items>;
    return std::max(Queue::kSmallBytes, Queue::kSpare * queue.size() * sizeof(typename Queue::Item));
}

}  // namespace

TEMPLATE_TEST_CASE("FrontQueue: holds what was put in and not taken out, in order, and little memory",
                   "[proxy][outbox]", std::string, std::vector<int>) {
    std::mt19937 random(GENERATE(range(1u, 20u)));
    using Item = typename TestType::value_type;
    FrontQueue<TestType> queue;
    std::deque<Item> expected;
    Item next{};
    for (int step = 0; step < 2000; ++step) {
        const std::size_t some = random() % (expected.size() + 1);
        switch (random() % 8) {
            case 0: {
                queue.pop_front(some);
                expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(some));
                REQUIRE(queue.capacity_bytes() <= allowed(queue));
                break;
            }
            case 1: {
                queue.truncate(some);
                expected.resize(some);
                REQUIRE(queue.capacity_bytes() <= allowed(queue));
                break;
            }
            case 2: {
                for (std::size_t i = random() % 500; i > 0; --i) {
                    queue.push_back(next);
                    expected.push_back(next++);
                }
                break;
            }
            default: {
                queue.push_back(next);
                expected.push_back(next++);
            }
        }
        REQUIRE(queue.empty() == expected.empty());
        REQUIRE(std::equal(queue.data(), queue.data() + queue.size(), expected.begin(), expected.end()));
    }
}

TEST_CASE("FrontQueue: what is taken out is destroyed at once", "[proxy][outbox]") {
    const auto item = std::make_shared<int>(0);
    FrontQueue<std::vector<std::shared_ptr<int>>> queue;
    for (int i = 0; i < 10; ++i) queue.push_back(item);
    queue.pop_front();
    CHECK(item.use_count() == 10);
    queue.pop_front(2);
    CHECK(item.use_count() == 8);
    queue.truncate(3);
    CHECK(item.use_count() == 4);
    queue.clear();
    CHECK(item.use_count() == 1);
}

TEST_CASE("FrontQueue: of a string it takes whole pieces, and few bytes do not keep much memory", "[proxy][outbox]") {
    FrontQueue<std::string> queue;
    for (int i = 0; i < 1000; ++i) queue.append("0123456789");
    queue.pop_front(10'000 - 3);
    CHECK(std::string_view(queue.data(), queue.size()) == "789");
    CHECK(queue.capacity_bytes() <= allowed(queue));

    queue.append(std::string(100'000, 'x'));
    queue.clear();
    CHECK(queue.capacity_bytes() >= 100'000);
    queue.release();
    CHECK(queue.empty());
    CHECK(queue.capacity_bytes() < 100);
}
