#include "proxy/daemon/command_line.hpp"

#include <CLI/CLI.hpp>
#include <sstream>
#include <utility>
#include <vector>

namespace trunkline::proxy {

namespace {

constexpr const char* kDescription =
    "trunkline carries WebSocket clients over a few persistent links to app servers.\n"
    "Without a command it runs: trunkline --config FILE";

std::string check_assignment(const std::string& text) {
    return config::is_assignment(text) ? std::string() : "found " + config::quote(text) + ", expected key=value";
}

/// The two options that run and check have; `config_names` are the option's names as CLI11 wants them.
struct Options {
    std::string config_file;
    std::vector<std::string> sets;

    void add_to(CLI::App& app, const std::string& config_names) {
        app.add_option(config_names, config_file, "The configuration (YAML)")->type_name("FILE");
        // One value each: else it would swallow the FILE that follows.
        app.add_option("--set", sets, "Override one setting, e.g. admin.address=127.0.0.1:9091 (repeatable)")
            ->type_name("KEY=VALUE")
            ->allow_extra_args(false)
            ->check(check_assignment);
    }
};

}  // namespace

std::variant<Command, Exit> parse_command_line(int argc, const char* const* argv, const char* const* environment) {
    CLI::App app(kDescription, "trunkline");
    Options bare_options;
    Options run_options;
    Options check_options;
    bool is_version = false;
    bool takes_over = false;
    app.add_flag("--version", is_version, "The same as the command version");
    bare_options.add_to(app, "-c,--config");
    CLI::App* run = app.add_subcommand("run", "Run the proxy until SIGTERM or SIGINT (the default)");
    run_options.add_to(*run, "-c,--config");
    for (CLI::App* runs : {&app, run}) {
        runs->add_flag("--takeover", takes_over, "Take the listening sockets over from the process that serves");
    }
    CLI::App* check = app.add_subcommand("check", "Load the configuration, list what is wrong with it, end");
    check_options.add_to(*check, "file,-c,--config");
    CLI::App* version = app.add_subcommand("version", "Show the version");
    app.require_subcommand(0, 1);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::ostringstream out;
        std::ostringstream err;
        const bool is_help = app.exit(error, out, err) == 0;
        return Exit{is_help ? ExitCode::ok : ExitCode::usage, out.str() + err.str()};
    }

    Command command;
    if (is_version || version->parsed()) {
        command.kind = Command::Kind::version;
        return command;
    }
    command.kind = check->parsed() ? Command::Kind::check : Command::Kind::run;
    command.takes_over = takes_over;
    const Options& options = check->parsed() ? check_options : run_options;
    // Options may stand before the command too; those after it count more.
    const std::string& file = options.config_file.empty() ? bare_options.config_file : options.config_file;
    if (file.empty())
        return Exit{ExitCode::usage, std::string(check->parsed() ? "No FILE to check" : "No --config FILE") +
                                         "\nRun with --help for more information.\n"};
    command.config_file = file;
    command.overrides.sets = std::move(bare_options.sets);
    command.overrides.sets.insert(command.overrides.sets.end(), options.sets.begin(), options.sets.end());
    command.overrides.environment = config::relevant_environment(environment);
    return command;
}

}  // namespace trunkline::proxy
