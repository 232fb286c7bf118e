#include "net/connector.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include "net/listen_socket.hpp"
#include "net/resolve.hpp"

using namespace trunkline::net;
using Error = boost::system::error_code;

namespace {

/// A directory of its own, gone at the end.
struct TemporaryDirectory {
    TemporaryDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "trunkline-net-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }

    Endpoint socket() const { return Endpoint::unix_socket((path / "s").string()); }

    std::filesystem::path path;
};

struct Dialled {
    std::optional<Error> error;
    UniqueFd fd;
};

struct Dialling {
    Dialled dial(const Endpoint& endpoint) {
        Dialled result;
        connector.async_connect(endpoint, [&](Error error, UniqueFd fd) {
            result.error = error;
            result.fd = std::move(fd);
        });
        CHECK_FALSE(result.error.has_value());
        loop.restart();
        loop.run_for(std::chrono::seconds(10));
        return result;
    }

    asio::io_context loop;
    Connector connector{loop.get_executor()};
};

bool has_option(int fd, int level, int option) {
    int value = 0;
    socklen_t length = sizeof value;
    REQUIRE(::getsockopt(fd, level, option, &value, &length) == 0);
    return value != 0;
}

/// A path with a socket that nobody listens on any more, as a killed process leaves it.
void leave_socket_behind(const Endpoint& endpoint) {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    const auto address = SocketAddress::of(endpoint);
    REQUIRE(::bind(fd.get(), address->data(), address->length) == 0);
    REQUIRE(::listen(fd.get(), 1) == 0);
}

}  // namespace

TEST_CASE("Connector: reaches a listener over TCP and Unix sockets", "[net][connect]") {
    const TemporaryDirectory directory;
    const bool is_tcp = GENERATE(true, false);
    const auto wanted = is_tcp ? Endpoint::tcp("127.0.0.1", 0) : directory.socket();
    CAPTURE(wanted.to_string());
    auto listening = ListenSocket::open(wanted);
    REQUIRE(listening.has_value());
    CHECK(accept(listening.value().fd()).error() == boost::system::errc::operation_would_block);

    Dialling dialling;
    auto dialled = dialling.dial(listening.value().local());
    REQUIRE(dialled.error.has_value());
    REQUIRE_FALSE(*dialled.error);
    REQUIRE(dialled.fd);

    auto accepted = accept(listening.value().fd());
    REQUIRE(accepted.has_value());
    CHECK(accepted.value().peer.kind == wanted.kind);
    CHECK(accepted.value().peer.is_local());
    for (const int fd : {dialled.fd.get(), accepted.value().fd.get()}) {
        CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
        CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        if (is_tcp) CHECK(has_option(fd, IPPROTO_TCP, TCP_NODELAY));
    }
    REQUIRE(::send(dialled.fd.get(), "hi", 2, MSG_NOSIGNAL) == 2);
    char received[3] = {};
    CHECK(::recv(accepted.value().fd.get(), received, 2, 0) == 2);
    CHECK(std::string_view(received) == "hi");
}

TEST_CASE("Connector: what cannot be reached is an error", "[net][connect]") {
    const TemporaryDirectory directory;
    Dialling dialling;
    std::uint16_t unused = 0;
    {
        auto listening = ListenSocket::open(Endpoint::tcp("127.0.0.1", 0));
        REQUIRE(listening.has_value());
        unused = listening.value().local().port;
    }
    CHECK(dialling.dial(Endpoint::tcp("127.0.0.1", unused)).error == Error(asio::error::connection_refused));
    CHECK(dialling.dial(directory.socket()).error ==
          Error(boost::system::errc::no_such_file_or_directory, boost::system::system_category()));
    leave_socket_behind(directory.socket());
    CHECK(dialling.dial(directory.socket()).error == Error(asio::error::connection_refused));
    CHECK(dialling.dial(Endpoint::tcp("name.example", 1)).error == Error(asio::error::invalid_argument));
}

TEST_CASE("Connector: a Unix listener whose backlog is full is not a connection", "[net][connect]") {
    const TemporaryDirectory directory;
    const UniqueFd listening(::socket(AF_UNIX, SOCK_STREAM, 0));
    const auto address = SocketAddress::of(directory.socket());
    REQUIRE(::bind(listening.get(), address->data(), address->length) == 0);
    REQUIRE(::listen(listening.get(), 0) == 0);
    Dialling dialling;
    std::vector<UniqueFd> connected;
    bool refused = false;
    for (int i = 0; i < 10 && !refused; ++i) {
        auto dialled = dialling.dial(directory.socket());
        REQUIRE(dialled.error.has_value());
        refused = static_cast<bool>(*dialled.error);
        CHECK(refused != static_cast<bool>(dialled.fd));
        connected.push_back(std::move(dialled.fd));
    }
    CHECK(refused);
}

TEST_CASE("Connector: cancelling and ending abort what is pending", "[net][connect]") {
    auto listening = ListenSocket::open(Endpoint::tcp("127.0.0.1", 0));
    REQUIRE(listening.has_value());
    asio::io_context loop;
    std::vector<Error> results;
    const auto record = [&](Error error, UniqueFd fd) {
        results.push_back(error);
        CHECK_FALSE(fd);
    };
    SECTION("cancel") {
        Connector connector(loop.get_executor());
        connector.async_connect(listening.value().local(), record);
        connector.cancel();
        loop.run_for(std::chrono::seconds(10));
        CHECK(results == std::vector<Error>{asio::error::operation_aborted});
    }
    SECTION("end") {
        std::optional<Connector> connector(loop.get_executor());
        connector->async_connect(listening.value().local(), record);
        connector.reset();
        loop.run_for(std::chrono::seconds(10));
        CHECK(results == std::vector<Error>{asio::error::operation_aborted});
    }
    SECTION("the loop's end, with the operation in it") {
        Connector connector(loop.get_executor());
        connector.async_connect(listening.value().local(), record);
        connector.cancel();
    }
}

TEST_CASE("Connector: a coroutine resolves and connects", "[net][connect]") {
    auto listening = ListenSocket::open(Endpoint::tcp("127.0.0.1", 0));
    REQUIRE(listening.has_value());
    asio::io_context loop;
    bool connected = false;
    const auto dial = [&]() -> asio::awaitable<void, Executor> {
        using Awaitable = asio::use_awaitable_t<Executor>;
        Error error;
        const auto name = Endpoint::tcp("localhost", listening.value().local().port);
        const auto found = co_await async_resolve(loop.get_executor(), name, asio::redirect_error(Awaitable(), error));
        REQUIRE_FALSE(error);
        Connector connector(loop.get_executor());
        UniqueFd fd = co_await connector.async_connect(found.front(), asio::redirect_error(Awaitable(), error));
        connected = !error && fd;
    };
    bool escaped = false;
    asio::co_spawn(loop, dial, [&](const std::exception_ptr& error) { escaped = error != nullptr; });
    loop.run_for(std::chrono::seconds(10));
    CHECK(connected);
    CHECK_FALSE(escaped);
}

TEST_CASE("ListenSocket: several may share a TCP port only if all want to", "[net][listen]") {
    auto first = ListenSocket::open(Endpoint::tcp("127.0.0.1", 0), PortSharing::shared);
    REQUIRE(first.has_value());
    const auto address = first.value().local();
    REQUIRE(address.port != 0);
    CHECK(ListenSocket::open(address, PortSharing::shared).has_value());
    const auto exclusive = ListenSocket::open(address);
    REQUIRE_FALSE(exclusive.has_value());
    CHECK(exclusive.error() == boost::system::errc::address_in_use);
    CHECK_FALSE(ListenSocket::open(Endpoint::tcp("localhost", 0)).has_value());
}

TEST_CASE("ListenSocket: one that another has opened is adopted, with who waits in it", "[net][listen]") {
    auto opened = ListenSocket::open(Endpoint::tcp("127.0.0.1", 0), PortSharing::shared);
    REQUIRE(opened.has_value());
    const auto address = opened.value().local();
    const auto to = SocketAddress::of(address).value();
    const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(client.get(), to.data(), to.length) == 0);

    UniqueFd passed(::dup(opened.value().fd()));
    opened.value().close();
    REQUIRE(::fcntl(passed.get(), F_SETFL, 0) == 0);  // blocking, as systemd gives it
    const auto adopted = ListenSocket::adopt(std::move(passed));
    REQUIRE(adopted.has_value());
    CHECK(adopted.value().local() == address);
    CHECK(adopted.value().sharing() == PortSharing::shared);
    CHECK((::fcntl(adopted.value().fd(), F_GETFD) & FD_CLOEXEC) != 0);
    const auto second = adopted.value().duplicate();
    REQUIRE(second.has_value());
    CHECK(accept(second.value().fd()).has_value());
    CHECK(accept(adopted.value().fd()).error() == boost::system::errc::operation_would_block);

    CHECK_FALSE(ListenSocket::adopt(UniqueFd(::dup(client.get()))).has_value());
    CHECK_FALSE(ListenSocket::adopt(UniqueFd(::open("/dev/null", O_RDWR))).has_value());
    CHECK_FALSE(ListenSocket::adopt(UniqueFd()).has_value());
}

TEST_CASE("ListenSocket: an adopted one leaves its path alone", "[net][listen]") {
    const TemporaryDirectory directory;
    auto opened = ListenSocket::open(directory.socket());
    REQUIRE(opened.has_value());
    CHECK(opened.value().sharing() == PortSharing::exclusive);
    {
        const auto adopted = ListenSocket::adopt(UniqueFd(::dup(opened.value().fd())));
        REQUIRE(adopted.has_value());
        CHECK(adopted.value().local() == directory.socket());
    }
    CHECK(std::filesystem::exists(directory.socket().path));
    UniqueFd(opened.value().release()).reset();
    opened.value().close();
    CHECK(std::filesystem::exists(directory.socket().path));
}

TEST_CASE("ListenSocket: a Unix socket is 0660 and gone afterwards", "[net][listen]") {
    const TemporaryDirectory directory;
    const auto endpoint = directory.socket();
    {
        auto listening = ListenSocket::open(endpoint);
        REQUIRE(listening.has_value());
        struct stat found {};
        REQUIRE(::stat(endpoint.path.c_str(), &found) == 0);
        CHECK((found.st_mode & 0777) == 0660);
        ListenSocket moved = std::move(listening.value());
        CHECK(std::filesystem::exists(endpoint.path));
        CHECK(moved.local() == endpoint);
    }
    CHECK_FALSE(std::filesystem::exists(endpoint.path));
}

TEST_CASE("ListenSocket: only a dead listener's socket is removed", "[net][listen]") {
    const TemporaryDirectory directory;
    const auto endpoint = directory.socket();

    SECTION("a leftover") {
        leave_socket_behind(endpoint);
        CHECK(ListenSocket::open(endpoint).has_value());
    }
    SECTION("a living listener") {
        auto living = ListenSocket::open(endpoint);
        REQUIRE(living.has_value());
        const auto second = ListenSocket::open(endpoint);
        REQUIRE_FALSE(second.has_value());
        CHECK(second.error() == boost::system::errc::address_in_use);
        CHECK(std::filesystem::exists(endpoint.path));
    }
    SECTION("a file, a directory, a link to a leftover") {
        const auto kind = GENERATE(0, 1, 2);
        if (kind == 0) std::ofstream(endpoint.path) << "precious";
        if (kind == 1) std::filesystem::create_directory(endpoint.path);
        if (kind == 2) {
            const auto target = Endpoint::unix_socket(endpoint.path + "2");
            leave_socket_behind(target);
            std::filesystem::create_symlink(target.path, endpoint.path);
        }
        const auto refused = ListenSocket::open(endpoint);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error() == boost::system::errc::address_in_use);
        CHECK(std::filesystem::exists(std::filesystem::symlink_status(endpoint.path)));
    }
}

TEST_CASE("ListenSocket: at its end it leaves a successor's socket alone", "[net][listen]") {
    const TemporaryDirectory directory;
    const auto endpoint = directory.socket();
    auto old = ListenSocket::open(endpoint);
    REQUIRE(old.has_value());
    std::filesystem::rename(endpoint.path, endpoint.path + ".old");
    auto successor = ListenSocket::open(endpoint);
    REQUIRE(successor.has_value());
    old.value().close();
    CHECK(std::filesystem::exists(endpoint.path));
    Dialling dialling;
    CHECK(dialling.dial(endpoint).fd);
}
