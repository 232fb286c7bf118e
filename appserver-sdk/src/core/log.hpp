#pragma once

#include <string_view>

#include <trunkline/options.hpp>

namespace trunkline {

/// The way to the app's `on_log`. On the loop.
class Log {
  public:
    explicit Log(const Options& options) : options_(options) {}

    /// Cuts what is too long for a line, and replaces control characters.
    void write(LogLevel level, std::string_view text) const;

  private:
    const Options& options_;
};

}  // namespace trunkline
