#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <trunkline/app_server.hpp>

/// The value of `--listen`; anything else on the command line ends the program.
inline std::string listen_option(int argc, char** argv) {
    if (argc == 3 && std::string_view(argv[1]) == "--listen") return argv[2];
    std::fprintf(stderr, "usage: %s --listen tcp://127.0.0.1:7000 | unix:///path\n", argv[0]);
    std::exit(64);
}

/// Logs to standard error what an operator wants to know: no debug lines.
inline trunkline::Options example_options() {
    trunkline::Options options;
    options.on_log = [](trunkline::LogLevel level, std::string_view line) {
        if (level == trunkline::LogLevel::debug) return;
        std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    };
    return options;
}

/// Listens and runs until SIGTERM, which hands the clients to another app server, or SIGINT; the exit code for main.
inline int serve(trunkline::AppServer& server, const std::string& address) {
    const auto listening = server.listen(address);
    if (!listening) {
        std::fprintf(stderr, "cannot listen at %s: %s\n", address.c_str(), listening.error().message().c_str());
        return 1;
    }
    std::fprintf(stderr, "listening at %s\n", listening->c_str());
    server.drain_on_signals();
    return server.run() ? 1 : 0;
}
