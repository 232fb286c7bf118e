#include "proxy/daemon/signals.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>
#include <vector>

using namespace trunkline;
using namespace std::chrono_literals;

TEST_CASE("Signals: the first one is told once, on the context", "[proxy][signals]") {
    const int signal = GENERATE(SIGTERM, SIGINT);
    net::asio::io_context context;
    std::vector<int> told;
    {
        const proxy::Signals signals(context, [&](int number) { told.push_back(number); });
        ::raise(signal);
        CHECK(told.empty());
        context.run_for(5s);
        ::raise(SIGPIPE);  // would end the process
    }
    context.restart();
    context.run_for(5s);
    CHECK(told == std::vector<int>{signal});
}

TEST_CASE("Signals: destroyed while waiting, it calls nobody", "[proxy][signals]") {
    net::asio::io_context context;
    bool was_told = false;
    {
        const proxy::Signals signals(context, [&](int) { was_told = true; });
    }
    context.run_for(5s);
    CHECK_FALSE(was_told);
}

TEST_CASE("Signals: the second one ends the process with 1, although nobody runs the context", "[proxy][signals]") {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        net::asio::io_context context;
        const proxy::Signals signals(context, [](int) {});
        ::raise(SIGTERM);
        ::raise(SIGINT);
        ::_exit(77);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 1);
}
