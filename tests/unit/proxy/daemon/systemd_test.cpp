#include "proxy/daemon/systemd.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "net/unique_fd.hpp"

using namespace trunkline;

TEST_CASE("notify_systemd: to a path or an abstract name, and to nobody", "[proxy][systemd]") {
    const bool is_abstract = GENERATE(false, true);
    const std::string name =
        (is_abstract ? "@" : "/tmp/") + std::string("trunkline-notify-") + std::to_string(::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (is_abstract) address.sun_path[0] = '\0';
    const net::UniqueFd manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(manager.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);

    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    proxy::notify_systemd("READY=1");
    char text[64];
    REQUIRE(::recv(manager.get(), text, sizeof text, 0) == 7);
    CHECK(std::string(text, 7) == "READY=1");

    for (const std::string wrong : {"", "relative", "/nowhere/at/all"}) {
        ::setenv("NOTIFY_SOCKET", wrong.c_str(), 1);
        proxy::notify_systemd("READY=1");
    }
    ::setenv("NOTIFY_SOCKET", ("/" + std::string(200, 'x')).c_str(), 1);
    proxy::notify_systemd("READY=1");
    ::unsetenv("NOTIFY_SOCKET");
    proxy::notify_systemd("READY=1");
    CHECK(::recv(manager.get(), text, sizeof text, 0) < 0);
    if (!is_abstract) ::unlink(name.c_str());
}

TEST_CASE("watchdog_interval: twice in the time that is asked for", "[proxy][systemd]") {
    struct Row {
        const char* text;
        std::int64_t microseconds;  // 0: it does not watch
    };
    const auto row = GENERATE(values<Row>(
        {{"30000000", 15'000'000}, {"3600000000", 1'800'000'000}, {"2", 1}, {"1", 0}, {"0", 0}, {"", 0}, {"-4", 0}}));
    CAPTURE(row.text);
    ::setenv("WATCHDOG_USEC", row.text, 1);
    CHECK(proxy::watchdog_interval().value_or(std::chrono::microseconds(0)).count() == row.microseconds);
    ::unsetenv("WATCHDOG_USEC");
    CHECK_FALSE(proxy::watchdog_interval());
}

TEST_CASE("sockets_from_systemd: only what is for this process", "[proxy][systemd]") {
    ::setenv("LISTEN_FDS", "1", 1);
    ::unsetenv("LISTEN_PID");
    CHECK(proxy::sockets_from_systemd().empty());
    ::setenv("LISTEN_PID", std::to_string(::getpid() + 1).c_str(), 1);
    CHECK(proxy::sockets_from_systemd().empty());
    ::unsetenv("LISTEN_FDS");
}
