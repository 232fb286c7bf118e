#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trunkline::load {

/// What each message of a run says of itself at its beginning, in 49 characters of text, so that any echo server takes
/// it: a letter, and four numbers in hexadecimal. What follows is padding, or what the letter means: m for the messages
/// that are measured, others between a run and its app server.
struct Stamp {
    static constexpr std::size_t kBytes = 1 + 8 + 8 + 16 + 16;

    char what = 'm';
    std::uint32_t run = 0;  ///< drawn anew for each run: a message of another one is misdelivered
    std::uint32_t sender = 0;
    std::uint64_t sequence = 0;  ///< of this sender, from 0
    std::int64_t due_ns = 0;     ///< steady clock: when it was meant to be sent
};

/// The stamp, and `x` up to `size` bytes.
std::string to_text(const Stamp& stamp, std::size_t size = 0);
/// The same behind what is in `out`.
void append(std::string& out, const Stamp& stamp);
/// Whether `text` is `size` bytes, all of them `x` from `begin` on.
bool is_padded(std::string_view text, std::size_t begin, std::size_t size) noexcept;
/// Nothing if `text` does not begin with a stamp.
std::optional<Stamp> parse_stamp(std::string_view text) noexcept;

/// `digits` hexadecimal digits; nothing if one of them is none.
std::optional<std::uint64_t> parse_hex(std::string_view digits) noexcept;
void append_hex(std::string& out, std::uint64_t value, unsigned digits);

}  // namespace trunkline::load
