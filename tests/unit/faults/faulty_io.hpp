#pragma once

#include <cstddef>

namespace trunkline::tests {

/// What happens to the I/O of this program (it replaces net/sys_io.cpp): the N-th read or write of an established
/// socket fails. One thread.
struct FaultyIo {
    /// `interrupted` is by a signal (EINTR): there are bytes or there is room, and no other edge will say so.
    enum class Fault { none, reset, end, interrupted, one_byte };

    static void arm(Fault fault, std::size_t at) noexcept;
    static void disarm() noexcept { arm(Fault::none, 0); }
    /// How many calls there were since `arm`.
    static std::size_t calls() noexcept;
    /// Whether the fault has happened.
    static bool has_struck() noexcept;
};

}  // namespace trunkline::tests
