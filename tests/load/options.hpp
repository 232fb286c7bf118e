#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/load/expect.hpp"

namespace trunkline::load {

enum class ProfileKind {
    echo,
    shared_echo,
    broadcast,
    chat,
    fanout,
    client_to_client,
    slow_reader,
    connect,
    idle,
};

/// Where clients connect: `ws://host:port/path`, the host numeric or `localhost`.
struct Url {
    std::string host;
    std::uint16_t port = 80;
    std::string path = "/";  ///< with its query

    /// Nothing if `text` is not of that form.
    static std::optional<Url> parse(const std::string& text);
};

/// A command that is run in the middle of it.
struct Event {
    std::chrono::nanoseconds at{};  ///< after the messages began
    std::string command;            ///< for /bin/sh
};

/// What the command line says, checked. Times are those of the steady clock.
struct Options {
    static constexpr unsigned kMaxShards = 64;

    ProfileKind profile = ProfileKind::echo;
    std::vector<Url> urls;  ///< at least one; clients take them in turn
    std::size_t clients = 100;
    std::size_t size = 64;  ///< of a message, bytes
    double rate = 0;        ///< messages per second of all clients together; 0 = closed loop
    std::size_t rooms = 1;
    std::size_t slow = 1;     ///< slow-reader: clients that do not read
    std::size_t window = 16;  ///< fanout: messages under way
    std::chrono::nanoseconds interval{std::chrono::seconds(1)};
    std::chrono::nanoseconds warm_up{std::chrono::seconds(1)};
    std::chrono::nanoseconds duration{std::chrono::seconds(10)};
    std::chrono::nanoseconds ramp{0};                          ///< over which clients connect; 0 = at once
    std::chrono::nanoseconds settle{std::chrono::seconds(5)};  ///< how long the last messages may take
    std::chrono::nanoseconds connect_timeout{std::chrono::seconds(30)};
    std::size_t concurrency = 128;  ///< handshakes under way at a time, of all workers together
    unsigned workers = 1;           ///< threads
    unsigned shards = 1;            ///< processes
    std::uint32_t run = 0;          ///< tells this run's messages from others'

    std::vector<int> pids;       ///< of the server side, sampled each second
    std::optional<Url> metrics;  ///< a Prometheus page of the server side
    std::vector<Event> events;
    std::vector<Expectation> expectations;
    std::string json, csv, html;  ///< files; empty = none
    bool is_quiet = false;        ///< no progress lines
};

const char* to_string(ProfileKind profile) noexcept;
/// Whether the profile needs trunkline-load-app behind the address; the others take any echo server.
bool needs_app(ProfileKind profile) noexcept;

/// What a command line comes to: options, or what to say and the exit code.
struct Parsed {
    std::optional<Options> options;
    std::string text;  ///< help, version, or what is wrong
    int exit_code = 0;
};
Parsed parse_command_line(int argc, const char* const* argv);

}  // namespace trunkline::load
