#pragma once

#include <cstdint>
#include <string>

#include "tests/load/progress.hpp"

namespace trunkline::load {

/// What is said on stderr once a second: one line that is written anew on a terminal, else one line below the other.
class ProgressLine {
  public:
    enum class Mode { silent, rewritten, lines };
    ProgressLine(Mode mode, std::int64_t now_ns) : mode_(mode), shown_ns_(now_ns) {}
    /// Ends the line that was written anew.
    ~ProgressLine();

    /// Says something, `what` in front, if a second has passed since the last time.
    void show(const std::string& what, const Progress& now, std::int64_t now_ns);

    /// The text of one line: what came between the two, in `seconds`.
    static std::string text(const std::string& what, const Progress& from, const Progress& to, double seconds);

  private:
    const Mode mode_;
    Progress shown_;
    Histogram latency_;  // since it was shown
    std::int64_t shown_ns_;
    bool has_shown_ = false;
};

/// `rewritten` if stderr is a terminal.
ProgressLine::Mode progress_mode(bool is_quiet);

}  // namespace trunkline::load
