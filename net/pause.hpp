#pragma once

#include <cstdint>
#include <type_traits>

namespace trunkline::net {

/// Why a source is not read: reading goes on when no reason is left. One byte. `Reason` is an enum whose enumerators
/// count from 0 to at most 7; each is there or not, it does not count.
template <class Reason>
class PauseReasons {
    static_assert(std::is_enum_v<Reason>);

  public:
    /// True if reading has to stop now: there was no reason before.
    bool add(Reason reason) noexcept {
        const bool was_reading = !is_paused();
        bits_ |= bit(reason);
        return was_reading;
    }

    /// True if reading has to go on now: this was the last reason.
    [[nodiscard]] bool remove(Reason reason) noexcept {
        const bool was_paused = is_paused();
        bits_ &= static_cast<std::uint8_t>(~bit(reason));
        return was_paused && !is_paused();
    }

    bool is_paused() const noexcept { return bits_ != 0; }

  private:
    static constexpr std::uint8_t bit(Reason reason) noexcept {
        return static_cast<std::uint8_t>(1U << static_cast<unsigned>(reason));
    }

    std::uint8_t bits_ = 0;
};

}  // namespace trunkline::net
