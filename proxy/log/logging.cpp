#include "proxy/log/logging.hpp"

#include "proxy/log/log_text.hpp"

#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

namespace trunkline::proxy {
namespace {

using config::LogFormat;
using config::LogLevel;

constexpr std::size_t kQueueLines = 4096;
constexpr std::chrono::milliseconds kPatience{200};
constexpr std::chrono::seconds kFlushPatience{1};
constexpr std::chrono::milliseconds kFlushPoll{1};
// poll() promises room for this much without blocking on a pipe (POSIX: PIPE_BUF is at least 512, Linux has 4096).
constexpr std::size_t kChunkBytes = 4096;

std::string_view level_name(LogLevel level) {
    switch (level) {
        case LogLevel::trace: return "trace";
        case LogLevel::debug: return "debug";
        case LogLevel::info: return "info";
        case LogLevel::warn: return "warn";
        case LogLevel::error: return "error";
        case LogLevel::off: break;
    }
    return "off";
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::trace: return spdlog::level::trace;
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warn: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
        case LogLevel::off: break;
    }
    return spdlog::level::off;
}

// UTC, RFC 3339 with milliseconds.
void append_time(spdlog::memory_buf_t& line, spdlog::log_clock::time_point time) {
    using namespace std::chrono;
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(floor<milliseconds>(time - day));
    char text[40];
    const int length =
        std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
    line.append(text, text + std::min<std::size_t>(static_cast<std::size_t>(length), sizeof text - 1));
}

void append(spdlog::memory_buf_t& line, std::string_view text) { line.append(text.data(), text.data() + text.size()); }

// The time is spdlog's, taken at the call; everything after it was rendered there too and is taken as it is. spdlog's
// own patterns cannot do this: they put `%v` into a line unescaped.
class LineFormatter final : public spdlog::formatter {
  public:
    explicit LineFormatter(LogFormat format) : format_(format) {}

    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
        if (format_ == LogFormat::json) append(line, R"({"time":")");
        append_time(line, message.time);
        append(line, {message.payload.data(), message.payload.size()});
        line.push_back('\n');
    }

    std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<LineFormatter>(format_); }

  private:
    const LogFormat format_;
};

// Writes lines, but waits only so long for a reader that is stuck, so that neither a full pipe nor a stopped terminal
// can keep the process from ending. Only the log's own thread comes here.
class PatientSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
  public:
    explicit PatientSink(int fd) : fd_(fd) {}

    std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }
    /// Lines that came here, written or dropped.
    std::uint64_t handled() const noexcept { return handled_.load(std::memory_order_relaxed); }

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        if (mid_line_) line.push_back('\n');
        formatter_->format(message, line);
        const std::size_t written = write({line.data(), line.size()});
        if (written > 0) mid_line_ = written < line.size();
        if (written < line.size()) dropped_.fetch_add(1, std::memory_order_relaxed);
        handled_.fetch_add(1, std::memory_order_relaxed);
    }
    void flush_() override {}

  private:
    std::size_t write(std::string_view line) {
        std::size_t written = 0;
        while (written < line.size()) {
            pollfd ready{fd_, POLLOUT, 0};
            const int events = ::poll(&ready, 1, is_stuck_ ? 0 : static_cast<int>(kPatience.count()));
            if (events < 0 && errno == EINTR) continue;
            is_stuck_ = events <= 0;
            if (is_stuck_) break;
            const auto n = ::write(fd_, line.data() + written, std::min(line.size() - written, kChunkBytes));
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) break;  // nobody reads any more, or the disk is full
            written += static_cast<std::size_t>(n);
        }
        return written;
    }

    const int fd_;
    bool is_stuck_ = false;  // the last wait was in vain: do not wait again for each line
    bool mid_line_ = false;  // a line was cut: the next one begins with a line's end
    std::atomic<std::uint64_t> dropped_{0};
    std::atomic<std::uint64_t> handled_{0};
};

// What a Logging is made of: the queue, its thread and the sink.
class LogWriter {
  public:
    LogWriter(const config::LogSettings& settings, int fd)
        : format_(settings.format),
          sink_(std::make_shared<PatientSink>(fd)),
          pool_(std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1)),
          logger_(std::make_shared<spdlog::async_logger>("trunkline", sink_, pool_,
                                                         spdlog::async_overflow_policy::overrun_oldest)) {
        logger_->set_formatter(std::make_unique<LineFormatter>(format_));
        logger_->set_level(spdlog::level::trace);  // is_logged was asked before
    }

    // The queue goes first: it writes what it holds and joins its thread while the logger that its lines refer to
    // stands.
    ~LogWriter() { pool_.reset(); }
    LogWriter(const LogWriter&) = delete;
    LogWriter& operator=(const LogWriter&) = delete;

    void write(LogLevel level, std::string_view message, LogFields fields) const {
        std::string line;
        line.reserve(256);
        if (format_ == LogFormat::json) {
            line.append(R"(","level":")").append(level_name(level)).append(R"(","message":)");
            append_json_string(line, message);
        } else {
            line.append(" ").append(level_name(level)).append(" ");
            append_text_message(line, message);
        }
        for (const auto& [key, value] : fields) {
            if (format_ == LogFormat::json) {
                line.append(",\"").append(key).append("\":");
            } else {
                line.append(" ").append(key).append("=");
            }
            append_value(line, value);
        }
        if (format_ == LogFormat::json) line += '}';
        queued_.fetch_add(1, std::memory_order_relaxed);
        logger_->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
    }

    std::uint64_t dropped() const { return sink_->dropped() + pool_->overrun_counter(); }

    // spdlog's own flush is one more item of the queue, which nobody can wait for.
    void flush() const {
        const auto goal = queued_.load(std::memory_order_relaxed);
        const auto deadline = std::chrono::steady_clock::now() + kFlushPatience;
        while (sink_->handled() + pool_->overrun_counter() < goal && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(kFlushPoll);
    }

  private:
    void append_value(std::string& line, const LogValue& value) const {
        if (const auto* text = std::get_if<std::string_view>(&value.get())) {
            format_ == LogFormat::json ? append_json_string(line, *text) : append_text_value(line, *text);
        } else if (const auto* number = std::get_if<std::int64_t>(&value.get())) {
            line += std::to_string(*number);
        } else {
            line += std::to_string(std::get<std::uint64_t>(value.get()));
        }
    }

    const LogFormat format_;
    const std::shared_ptr<PatientSink> sink_;
    std::shared_ptr<spdlog::details::thread_pool> pool_;
    const std::shared_ptr<spdlog::async_logger> logger_;
    mutable std::atomic<std::uint64_t> queued_{0};
};

// The one exception to "no globals": a line can come from anywhere, and a parameter for it everywhere says nothing.
std::atomic<const LogWriter*> the_writer{nullptr};
std::atomic<LogLevel> the_level{LogLevel::off};

}  // namespace

struct Logging::State : LogWriter {
    using LogWriter::LogWriter;
};

Logging::Logging(const config::LogSettings& settings, int fd) : state_(std::make_unique<State>(settings, fd)) {
    assert(the_writer.load() == nullptr);
    the_writer.store(state_.get(), std::memory_order_release);
    the_level.store(settings.level, std::memory_order_relaxed);
}

Logging::~Logging() {
    the_level.store(LogLevel::off, std::memory_order_relaxed);
    the_writer.store(nullptr, std::memory_order_release);
}

bool is_logged(LogLevel level) noexcept {
    return level != LogLevel::off && level >= the_level.load(std::memory_order_relaxed);
}

std::uint64_t dropped_log_lines() noexcept {
    const auto* writer = the_writer.load(std::memory_order_acquire);
    return writer == nullptr ? 0 : writer->dropped();
}

void flush_log() {
    if (const auto* writer = the_writer.load(std::memory_order_acquire)) writer->flush();
}

void log(LogLevel level, std::string_view message, LogFields fields) {
    if (!is_logged(level)) return;
    if (const auto* writer = the_writer.load(std::memory_order_acquire)) writer->write(level, message, fields);
}

}  // namespace trunkline::proxy
