// bench_app: what bare_echo does, on the SDK: every message is echoed, one that begins with `B` is sent to all.
#include <cstdio>
#include <trunkline/app_server.hpp>

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: bench_app ADDRESS\n");
        return 64;
    }
    trunkline::AppServer server;
    server.on_message([&](const trunkline::Connection& connection, const trunkline::Message& message) {
        const bool is_broadcast = message.bytes.starts_with('B');
        const auto error = is_broadcast ? server.to_all().send(message.kind, message.bytes)
                                        : connection.send(message.kind, message.bytes);
        // The driver counts what arrives, so a message that was not taken shows; why it was not is said here.
        if (error) {
            std::fprintf(stderr, "bench_app: %s\n", error.message().c_str());
        }
    });
    const auto listening = server.listen(argv[1]);
    if (!listening) {
        std::fprintf(stderr, "bench_app: %s\n", listening.error().message().c_str());
        return 1;
    }
    server.stop_on_signals();
    return server.run() ? 1 : 0;
}
