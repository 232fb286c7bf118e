#pragma once

#include <cstddef>
#include <cstdint>

#include "trunkline/protocol/bytes.hpp"

namespace trunkline::protocol {

/// Checks a text that arrives in pieces cut anywhere, even inside a character (RFC 3629: no overlong form, no
/// surrogate, nothing above U+10FFFF). It is three bytes of state and buffers nothing.
class Utf8Validator {
  public:
    /// Takes the next piece. False as soon as no continuation could make the text valid, so at the first bad byte;
    /// then false for ever.
    [[nodiscard]] bool feed(Bytes piece) noexcept;

    /// Whether the text so far could end here: it is valid and not inside a character.
    [[nodiscard]] bool is_complete() const noexcept { return to_come_ == 0; }

  private:
    bool step(unsigned char byte) noexcept;

    static constexpr std::uint8_t kBad = 0xff;

    std::uint8_t to_come_ = 0;  // bytes that the begun character still needs, or kBad
    std::uint8_t low_ = 0x80;   // what the next of them may be
    std::uint8_t high_ = 0xbf;
};

/// Whether the whole of `text` is valid UTF-8.
[[nodiscard]] bool is_valid_utf8(Bytes text) noexcept;

/// One character of a text.
struct Utf8Character {
    std::uint32_t code_point = 0;
    std::size_t size = 1;  ///< in bytes; 1 if it is not valid, so that a reader can go on behind it
    bool is_valid = false;
};

/// The first character of `text`, which is not empty.
[[nodiscard]] Utf8Character first_character(Bytes text) noexcept;

/// The longest prefix of `text` of at most `max` bytes that does not end inside a character.
[[nodiscard]] Bytes utf8_prefix(Bytes text, std::size_t max) noexcept;

}  // namespace trunkline::protocol
