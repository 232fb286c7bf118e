#include "tests/load/commands.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace trunkline::load {

void Commands::look(std::int64_t since_begin_ns) {
    while (runs_.size() < options_.events.size() && options_.events[runs_.size()].at.count() <= since_begin_ns) {
        const std::string& command = options_.events[runs_.size()].command;
        const char* const argv[] = {"/bin/sh", "-c", command.c_str(), nullptr};
        posix_spawnattr_t attributes;
        ::posix_spawnattr_init(&attributes);
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);  // its children end with it, if they have to
        pid_t pid = -1;
        const int error = ::posix_spawn(&pid, argv[0], nullptr, &attributes, const_cast<char* const*>(argv), ::environ);
        ::posix_spawnattr_destroy(&attributes);
        runs_.push_back({static_cast<double>(since_begin_ns) * 1e-9, command, {}});
        if (error != 0) {
            runs_.back().trouble = std::string("could not be started: ") + std::strerror(error);
        } else {
            running_.push_back({pid, runs_.size() - 1});
        }
    }
    std::erase_if(running_, [this](const Running& running) { return has_ended(running, WNOHANG); });
}

const std::vector<CommandRun>& Commands::finish() {
    std::erase_if(running_, [this](const Running& running) {
        if (has_ended(running, WNOHANG)) return true;
        ::kill(-running.pid, SIGKILL);
        has_ended(running, 0);
        runs_[running.run].trouble = "still ran in the end, and was killed";
        return true;
    });
    return runs_;
}

bool Commands::has_ended(const Running& running, int options) {
    int status = 0;
    if (::waitpid(running.pid, &status, options) != running.pid) return false;
    auto& trouble = runs_[running.run].trouble;
    if (WIFSIGNALED(status)) trouble = "was ended by signal " + std::to_string(WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
        trouble = "failed with exit code " + std::to_string(WEXITSTATUS(status));
    }
    return true;
}

}  // namespace trunkline::load
