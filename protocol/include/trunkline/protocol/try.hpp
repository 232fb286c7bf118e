#pragma once

#include <utility>

// Outcome's own macro of this kind changed its meaning between Boost releases, so these two are ours.

#define TRUNKLINE_TRY_NAME_2(line) trunkline_try_##line
#define TRUNKLINE_TRY_NAME(line) TRUNKLINE_TRY_NAME_2(line)

/// `TRUNKLINE_TRY(auto x, f());`: returns f's error from the calling function, or declares x with its value.
#define TRUNKLINE_TRY(declaration, ...)                                             \
    auto&& TRUNKLINE_TRY_NAME(__LINE__) = (__VA_ARGS__);                            \
    if (!TRUNKLINE_TRY_NAME(__LINE__)) return TRUNKLINE_TRY_NAME(__LINE__).error(); \
    declaration = std::move(TRUNKLINE_TRY_NAME(__LINE__)).value()

/// `TRUNKLINE_CHECK(f());`: returns f's error, or goes on.
#define TRUNKLINE_CHECK(...)                                      \
    do {                                                          \
        auto&& trunkline_checked = (__VA_ARGS__);                 \
        if (!trunkline_checked) return trunkline_checked.error(); \
    } while (false)
