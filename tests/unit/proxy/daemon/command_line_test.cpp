#include "proxy/daemon/command_line.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace trunkline;
using proxy::Command;
using proxy::Exit;
using proxy::ExitCode;

namespace {

std::variant<Command, Exit> parse(std::vector<const char*> arguments, std::vector<const char*> environment = {}) {
    arguments.insert(arguments.begin(), "trunkline");
    environment.push_back(nullptr);
    return proxy::parse_command_line(static_cast<int>(arguments.size()), arguments.data(), environment.data());
}

struct Row {
    std::vector<const char*> arguments;
    Command::Kind kind;
    std::string file;
    std::vector<std::string> sets;
};

}  // namespace

TEST_CASE("command line: whom it takes over from", "[proxy][command_line]") {
    const auto takes_over = [](std::vector<const char*> arguments) {
        const auto result = parse(std::move(arguments));
        REQUIRE(std::holds_alternative<Command>(result));
        return std::get<Command>(result).takes_over;
    };
    CHECK_FALSE(takes_over({"run", "--config", "a.yaml"}));
    CHECK(takes_over({"run", "--config", "a.yaml", "--takeover"}));
    CHECK(takes_over({"--takeover", "--config", "a.yaml"}));
    CHECK(std::holds_alternative<Exit>(parse({"check", "a.yaml", "--takeover"})));
}

TEST_CASE("command line: what it asks for", "[proxy][command_line]") {
    using Kind = Command::Kind;
    const auto row = GENERATE(values<Row>({
        {{"run", "--config", "a.yaml"}, Kind::run, "a.yaml", {}},
        {{"--config", "a.yaml"}, Kind::run, "a.yaml", {}},
        {{"-c", "a.yaml"}, Kind::run, "a.yaml", {}},
        {{"--config=a.yaml", "run"}, Kind::run, "a.yaml", {}},
        {{"--config", "a.yaml", "--set", "a=1"}, Kind::run, "a.yaml", {"a=1"}},
        {{"run", "--set", "a=1", "--config", "a.yaml", "--set", "b.0.c=[x, y]"},
         Kind::run,
         "a.yaml",
         {"a=1", "b.0.c=[x, y]"}},
        {{"--set", "a=1", "run", "--set", "a=2", "-c", "a.yaml"}, Kind::run, "a.yaml", {"a=1", "a=2"}},
        {{"--config", "a.yaml", "run", "--config", "b.yaml"}, Kind::run, "b.yaml", {}},
        {{"run", "--config", "a.yaml", "--set", "a="}, Kind::run, "a.yaml", {"a="}},
        {{"run", "--config", "a.yaml", "--set", "a=b=c"}, Kind::run, "a.yaml", {"a=b=c"}},
        {{"check", "a.yaml"}, Kind::check, "a.yaml", {}},
        {{"check", "--set", "a=1", "a.yaml"}, Kind::check, "a.yaml", {"a=1"}},
        {{"check", "a.yaml", "--set", "a=1"}, Kind::check, "a.yaml", {"a=1"}},
        {{"check", "--config", "a.yaml"}, Kind::check, "a.yaml", {}},
        {{"version"}, Kind::version, "", {}},
        {{"--version"}, Kind::version, "", {}},
    }));
    CAPTURE(row.arguments);
    const auto result = parse(row.arguments);
    REQUIRE(std::holds_alternative<Command>(result));
    const auto& command = std::get<Command>(result);
    CHECK(command.kind == row.kind);
    CHECK(command.config_file == row.file);
    CHECK(command.overrides.sets == row.sets);
    CHECK(command.overrides.environment.empty());
}

TEST_CASE("command line: what cannot be understood is a usage error", "[proxy][command_line]") {
    const auto arguments = GENERATE(values<std::vector<const char*>>({
        {},
        {"run"},
        {"check"},
        {"run", "--config"},
        {"run", "a.yaml"},
        {"run", "--config", "a.yaml", "--bogus"},
        {"walk", "--config", "a.yaml"},
        {"check", "a.yaml", "b.yaml"},
        {"version", "a.yaml"},
        {"run", "check", "a.yaml"},
        {"--config", "a.yaml", "--set", "a"},
        {"--config", "a.yaml", "--set", "=1"},
        {"--config", "a.yaml", "--set", "a..b=1"},
        {"--config", "a.yaml", "--set"},
    }));
    CAPTURE(arguments);
    const auto result = parse(arguments);
    REQUIRE(std::holds_alternative<Exit>(result));
    CHECK(std::get<Exit>(result).code == ExitCode::usage);
    CHECK(static_cast<int>(std::get<Exit>(result).code) == 64);
    CHECK(std::get<Exit>(result).text.ends_with('\n'));
}

TEST_CASE("command line: help is no error", "[proxy][command_line]") {
    const auto arguments = GENERATE(values<std::vector<const char*>>({{"--help"}, {"run", "--help"}, {"check", "-h"}}));
    CAPTURE(arguments);
    const auto result = parse(arguments);
    REQUIRE(std::holds_alternative<Exit>(result));
    CHECK(std::get<Exit>(result).code == ExitCode::ok);
    CHECK(std::get<Exit>(result).text.find("--set KEY=VALUE") != std::string::npos);
}

TEST_CASE("command line: the environment is taken along, as far as it is ours", "[proxy][command_line]") {
    const auto result = parse({"--config", "a.yaml"}, {"HOME=/root", "TRUNKLINE__ADMIN__ADDRESS=127.0.0.1:1",
                                                       "TRUNKLINE_SERVICE_HOST=10.0.0.1", "TRUNKLINE__WORKERS=a=b"});
    REQUIRE(std::holds_alternative<Command>(result));
    const std::vector<std::pair<std::string, std::string>> expected = {{"TRUNKLINE__ADMIN__ADDRESS", "127.0.0.1:1"},
                                                                       {"TRUNKLINE__WORKERS", "a=b"}};
    CHECK(std::get<Command>(result).overrides.environment == expected);
}
