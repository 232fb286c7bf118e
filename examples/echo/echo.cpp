// Sends every message back to whom it came from.
#include "../listen_option.hpp"

using trunkline::Connection;
using trunkline::Message;

/// Sends a message, or waits with the client paused until there is room for it: an echo is never lost.
void echo(const Connection& connection, trunkline::MessageKind kind, std::string bytes) {
    const auto error = connection.send(kind, bytes);
    if (!error || error == trunkline::errc::closed) return;
    if (error != trunkline::errc::would_block) {
        connection.close(1009, error.message());
        return;
    }
    connection.pause();
    connection.when_writable([connection, kind, bytes = std::move(bytes)](std::error_code ended) mutable {
        if (ended) return;
        connection.resume();
        echo(connection, kind, std::move(bytes));
    });
}

int main(int argc, char** argv) {
    const auto address = listen_option(argc, argv);
    trunkline::AppServer server(example_options());
    server.on_message([](const Connection& connection, const Message& message) {
        // The common case copies nothing: there is room, and the client keeps up.
        if (connection.send(message.kind, message.bytes) == trunkline::errc::would_block) {
            echo(connection, message.kind, std::string(message.bytes));
        }
    });
    return serve(server, address);
}
