#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "config/settings.hpp"

namespace trunkline::proxy {

/// What one field of a log line shows. Text may come from a client: it is escaped, so it can neither end the line nor
/// pose as a field. Refers to the text; only lives as long as the call it is written in.
class LogValue {
  public:
    LogValue(std::string_view text) : value_(text) {}
    LogValue(const char* text) : value_(std::string_view(text)) {}
    LogValue(const std::string& text) : value_(std::string_view(text)) {}
    LogValue(std::same_as<bool> auto yes) : value_(std::string_view(yes ? "true" : "false")) {}
    LogValue(std::signed_integral auto number) : value_(static_cast<std::int64_t>(number)) {}
    template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>) LogValue(T number) : value_(static_cast<std::uint64_t>(number)) {}

    const auto& get() const noexcept { return value_; }

  private:
    std::variant<std::string_view, std::int64_t, std::uint64_t> value_;
};

/// Keys are literals of ours in snake_case, none of `time`, `level`, `message`.
struct LogField {
    std::string_view key;
    LogValue value;
};
using LogFields = std::initializer_list<LogField>;

/// The process's log, from main's beginning to its end: one line per message on a file descriptor, written by a thread
/// of its own. A full queue loses its oldest lines, and a descriptor that takes nothing loses lines too: nobody who
/// logs ever waits; both are counted. At most one at a time; without one, logging does nothing (unit tests).
///
///     text: 2024-05-06T07:08:09.123Z info link up app_server=tcp://10.0.0.5:7000 lane=2
///     JSON: {"time":"2024-05-06T07:08:09.123Z","level":"info","message":"link up","app_server":"tcp://…","lane":2}
class Logging {
  public:
    /// `fd` is not closed. Throws spdlog::spdlog_ex if the thread cannot be started.
    explicit Logging(const config::LogSettings& settings, int fd = 2);
    /// Writes what is queued, unless the descriptor takes nothing. No other thread may log any more.
    ~Logging();
    Logging(const Logging&) = delete;
    Logging& operator=(const Logging&) = delete;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Whether a line of this level would be shown: ask first where building the fields costs something. Any thread.
bool is_logged(config::LogLevel level) noexcept;

/// Lines lost since the Logging was made, 0 without one. Any thread.
std::uint64_t dropped_log_lines() noexcept;

/// Waits until the lines logged before were written or lost, at most a second: for those about to end the process
/// without main's return (`_Exit`), whose last line says why. Any thread but a signal handler.
void flush_log();

/// Writes one line. `message` is a literal, what varies goes into `fields`: `log_info("link up", {{"lane", 2}})`.
/// Never a payload, a token or a query that was not redacted (log_text.hpp). Nothing is formatted if the level is off.
/// Any thread; never blocks.
void log(config::LogLevel level, std::string_view message, LogFields fields = {});

inline void log_trace(std::string_view message, LogFields fields = {}) {
    if (is_logged(config::LogLevel::trace)) log(config::LogLevel::trace, message, fields);
}
inline void log_debug(std::string_view message, LogFields fields = {}) {
    if (is_logged(config::LogLevel::debug)) log(config::LogLevel::debug, message, fields);
}
inline void log_info(std::string_view message, LogFields fields = {}) {
    if (is_logged(config::LogLevel::info)) log(config::LogLevel::info, message, fields);
}
inline void log_warn(std::string_view message, LogFields fields = {}) {
    if (is_logged(config::LogLevel::warn)) log(config::LogLevel::warn, message, fields);
}
inline void log_error(std::string_view message, LogFields fields = {}) {
    if (is_logged(config::LogLevel::error)) log(config::LogLevel::error, message, fields);
}

}  // namespace trunkline::proxy
