// Uses a bit of everything, listens, and stops at once.
#include <cstdio>

#include <trunkline/app_server.hpp>

int main() {
    trunkline::AppServer server;
    server.on_message([&](const trunkline::Connection& connection, const trunkline::Message& message) {
        if (connection.send(message.kind, message.bytes)) connection.close(1013, "no room");
    });
    const auto listening = server.listen("tcp://127.0.0.1:0");
    if (!listening) {
        std::printf("%s\n", listening.error().message().c_str());
        return 1;
    }
    if (server.to_group("nobody").send("hello") != trunkline::errc::not_connected) return 2;
    server.post([&] { server.stop(); });
    return server.run() ? 3 : 0;
}
