#pragma once

#include <filesystem>
#include <string>
#include <variant>

#include "config/overrides.hpp"

namespace trunkline::proxy {

/// What the process answers with (the two in the middle are those of sysexits.h).
enum class ExitCode : int { ok = 0, failure = 1, usage = 64, configuration = 78 };

/// What the command line asks for.
struct Command {
    enum class Kind { run, check, version };
    Kind kind = Kind::run;
    std::filesystem::path config_file;  ///< of run and check, never empty there
    bool takes_over = false;            ///< of run: from the process that serves
    config::Overrides overrides;        ///< of run and check: the flags, and what the environment says of us
};

/// The end before the beginning: help, or a command line that cannot be understood.
struct Exit {
    ExitCode code = ExitCode::ok;
    std::string text;  ///< for standard output if ok, else for standard error; ends with a newline
};

/// Reads `trunkline [run] --config FILE`, `trunkline check FILE` and `trunkline version`; run and check take `--set
/// key=value` any number of times, run takes `--takeover`. `environment` is the process's `environ`. Does nothing else:
/// no file is looked at.
std::variant<Command, Exit> parse_command_line(int argc, const char* const* argv, const char* const* environment);

}  // namespace trunkline::proxy
