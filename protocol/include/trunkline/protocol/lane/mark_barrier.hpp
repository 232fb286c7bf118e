#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "trunkline/protocol/errc.hpp"
#include "trunkline/protocol/service/extension.hpp"

namespace trunkline::protocol {

/// The receiving side of a resize, for one direction of a pool (SPEC.md "Resize"): by which number of lanes home lanes
/// are reckoned in what comes, and which lanes wait because their Mark has come and others' have not. What a connection
/// was sent on its old home lane is so handled before what it is sent on its new one. Pure.
class MarkBarrier {
  public:
    explicit MarkBarrier(std::uint32_t lanes) noexcept : lanes_(lanes) {}

    /// The number of lanes by which home lanes are reckoned: the old one until all Marks have come.
    std::uint32_t lanes() const noexcept { return lanes_; }
    /// Of the newest Mark that came; 0 before the first.
    std::uint32_t version() const noexcept { return version_; }
    /// Whether some Marks have come and others not.
    bool is_waiting() const noexcept { return missing_ != 0; }
    /// Whether the frames of this lane wait: they stand behind its Mark.
    bool holds_back(std::uint32_t lane) const noexcept {
        return missing_ != 0 && lane < marked_.size() && marked_[lane];
    }

    /// A Mark has come on a lane, of `existing` on this side. True: it was the last one, and `lanes` has changed.
    /// unexpected_frame for a Mark that is not of the next version, says another number than those on other lanes,
    /// comes twice on a lane or on one that it does not concern, or means lanes that are not there: the pool ends.
    Result<bool> on_mark(std::uint32_t lane, const Mark& mark, std::uint32_t existing) {
        if (missing_ == 0) {
            if (mark.version != version_ + 1 || mark.lanes == 0) return errc::unexpected_frame;
            const auto concerned = std::max(lanes_, mark.lanes);
            if (concerned > existing) return errc::unexpected_frame;
            version_ = mark.version;
            next_ = mark.lanes;
            missing_ = concerned;
            marked_.assign(concerned, false);
        }
        if (mark.version != version_ || mark.lanes != next_) return errc::unexpected_frame;
        if (lane >= marked_.size() || marked_[lane]) return errc::unexpected_frame;
        marked_[lane] = true;
        if (--missing_ != 0) return false;
        lanes_ = next_;
        return true;
    }

  private:
    std::uint32_t lanes_;
    std::uint32_t version_ = 0;
    std::uint32_t next_ = 0;     // lanes, once all Marks are there
    std::uint32_t missing_ = 0;  // Marks
    std::vector<bool> marked_;
};

}  // namespace trunkline::protocol
