#include <cstdio>
#include <exception>
#include <variant>

#include "config/loader.hpp"
#include "proxy/daemon/application.hpp"
#include "proxy/daemon/command_line.hpp"
#include "proxy/daemon/signals.hpp"
#include "proxy/log/logging.hpp"

extern char** environ;

namespace {

using namespace trunkline;
using proxy::ExitCode;

int end(ExitCode code) { return static_cast<int>(code); }

int run(config::Settings settings, bool takes_over) {
    const auto start = takes_over ? proxy::Start::take_over : proxy::Start::fresh;
    proxy::Signals::hold();  // before there is any thread: a stop that comes while we start is heard once we can drain
    const proxy::Logging logging(settings.log);
    try {
        proxy::Application application(std::move(settings), start);
        application.run();
        return end(ExitCode::ok);
    } catch (const std::exception& e) {
        proxy::log_error("cannot run", {{"why", e.what()}});
        return end(ExitCode::failure);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const auto parsed = proxy::parse_command_line(argc, argv, environ);
    if (const auto* exit = std::get_if<proxy::Exit>(&parsed)) {
        std::fputs(exit->text.c_str(), exit->code == ExitCode::ok ? stdout : stderr);
        return end(exit->code);
    }
    const auto& command = std::get<proxy::Command>(parsed);
    if (command.kind == proxy::Command::Kind::version) {
        std::puts("trunkline " TRUNKLINE_VERSION);
        return end(ExitCode::ok);
    }

    auto loaded = config::load(command.config_file, command.overrides);
    if (!loaded) {
        for (const auto& problem : loaded.problems) std::fprintf(stderr, "%s\n", problem.to_string().c_str());
        return end(ExitCode::configuration);
    }
    if (command.kind == proxy::Command::Kind::check) {
        std::printf("%s: ok\n", command.config_file.c_str());
        return end(ExitCode::ok);
    }
    if (command.takes_over && loaded.settings->takeover_socket.empty()) {
        std::fprintf(stderr, "%s: takeover_socket: found nothing, expected a path, because of --takeover\n",
                     command.config_file.c_str());
        return end(ExitCode::configuration);
    }
    return run(std::move(*loaded.settings), command.takes_over);
}
