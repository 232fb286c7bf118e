#include "proxy/daemon/takeover.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "net/descriptor_passing.hpp"
#include "tests/support/proxy_worker.hpp"

using namespace trunkline;
using namespace std::chrono_literals;
using net::Endpoint;
using net::ListenSocket;
using proxy::HandOver;
using proxy::TakeOver;

namespace {

/// An old process that gives one socket `count` times; its context runs on a thread of its own, as the new side blocks.
struct Old {
    explicit Old(std::size_t count) : descriptors(count, clients.fd()) {
        thread = std::thread([this] { context.run(); });
    }
    ~Old() {
        context.stop();
        thread.join();
    }
    void wait_until_taken() {
        for (const auto until = net::Clock::now() + 10s; !taken && net::Clock::now() < until;)
            std::this_thread::yield();
        CHECK(taken);
    }

    const std::string path = tests::socket_path();
    ListenSocket clients = ListenSocket::open(Endpoint::tcp("127.0.0.1", 0)).value();
    net::asio::io_context context;
    std::atomic<bool> taken{false};
    std::vector<int> descriptors;
    HandOver hand_over{context, ListenSocket::open(Endpoint::unix_socket(path)).value(), descriptors,
                       [this] { taken = true; }};
    std::thread thread;
};

/// As long as it lives this process gets no file descriptor.
struct NoDescriptors {
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before);
        rlimit few = before;
        few.rlim_cur = 256;
        ::setrlimit(RLIMIT_NOFILE, &few);
        while (net::UniqueFd fd{::dup(STDERR_FILENO)}) taken.push_back(std::move(fd));
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }

    rlimit before{};
    std::vector<net::UniqueFd> taken;
};

}  // namespace

TEST_CASE("takeover: every socket goes over, and the path stays", "[proxy][takeover]") {
    Old old(GENERATE(1, 252, 253, 600));
    struct stat file {};
    REQUIRE(::stat(old.path.c_str(), &file) == 0);
    CHECK((file.st_mode & 0777) == 0600);

    {
        auto gone = TakeOver::connect(old.path);
        REQUIRE(gone);
        REQUIRE(gone.value().take());
    }  // before it served
    CHECK_FALSE(old.taken);

    auto taking = TakeOver::connect(old.path);
    REQUIRE(taking);
    auto sockets = taking.value().take();
    REQUIRE(sockets);
    REQUIRE(sockets.value().size() == old.descriptors.size() + 1);
    CHECK(sockets.value().front().local() == old.clients.local());
    CHECK(sockets.value().back().local() == Endpoint::unix_socket(old.path));
    CHECK(TakeOver::connect(old.path).value().take().error() == boost::system::errc::device_or_resource_busy);
    CHECK_FALSE(old.taken);
    taking.value().confirm();
    old.wait_until_taken();
    CHECK(::access(old.path.c_str(), F_OK) == 0);
    CHECK(TakeOver::connect(old.path).has_value());  // it waits for the new one, which has the socket
    ::unlink(old.path.c_str());
}

// UBSan, which comes with ASan here, looks at memory through a pipe: without descriptors it takes every object for bad.
#ifndef __SANITIZE_ADDRESS__
TEST_CASE("takeover: while there is no descriptor for who wants to take over, it waits", "[proxy][takeover]") {
    const auto path = tests::socket_path();
    net::asio::io_context context;
    HandOver hand_over(context, ListenSocket::open(Endpoint::unix_socket(path)).value(), {}, [] {});
    auto taking = TakeOver::connect(path);
    REQUIRE(taking);
    {
        const NoDescriptors none;
        CHECK(context.run_for(50ms) < 10);  // and does not turn
    }
    std::thread old([&] { context.run_for(10s); });
    const auto sockets = taking.value().take();
    context.stop();
    old.join();
    REQUIRE(sockets);
    CHECK(sockets.value().size() == 1);
    ::unlink(path.c_str());
}
#endif

TEST_CASE("takeover: nobody is there", "[proxy][takeover]") {
    const auto path = tests::socket_path();
    CHECK(TakeOver::connect(path).error() == boost::system::errc::no_such_file_or_directory);
}

TEST_CASE("descriptors: as many as the kernel takes, and the end of the stream", "[net][descriptors]") {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    net::UniqueFd from(pair[0]);
    const net::UniqueFd to(pair[1]);
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, net::kMaxPassedDescriptors}) {
        const std::vector<int> descriptors(count, to.get());
        REQUIRE(net::send_descriptors(from.get(), 'x', descriptors));
    }
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, net::kMaxPassedDescriptors}) {
        const auto passed = net::receive_descriptors(to.get());
        REQUIRE(passed);
        CHECK(passed.value().byte == 'x');
        CHECK(passed.value().descriptors.size() == count);
    }
    CHECK(net::receive_descriptors(to.get()).error() == boost::system::errc::operation_would_block);
    from.reset();
    CHECK(net::receive_descriptors(to.get()).error() == boost::system::errc::connection_aborted);
    CHECK(net::send_descriptors(to.get(), 'x').error() == boost::system::errc::broken_pipe);
}
