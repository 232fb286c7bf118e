#pragma once

#include <limits>
#include <optional>

#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/errc.hpp"
#include "trunkline/protocol/service/views.hpp"

namespace trunkline::protocol {

/// A cursor over MessagePack that owns nothing and allocates nothing: strings, lists and maps come out as views of the
/// bytes it was given. The first failure sticks: every later read gives a zero or empty value and the cursor stands at
/// the end, so a run of reads is checked once, behind it. Loops over a count that came from the wire ask `ok()` in each
/// round, or stop at the end of the bytes by using a read that fails there.
/// Integers are taken in any width and sign that holds the value.
class Reader {
  public:
    /// Arrays and maps within each other that `skip` follows; no message of ours goes beyond four.
    static constexpr std::size_t kMaxDepth = 16;

    explicit Reader(Bytes bytes) noexcept : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    bool ok() const noexcept { return error_ == errc{}; }
    /// The first failure; zero if there was none.
    errc error() const noexcept { return error_; }
    void fail(errc error) noexcept {
        if (ok()) error_ = error;
        at_ = end_;
    }
    /// Bytes not yet read.
    std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - at_); }

    /// The number of elements that follow; `bad_type` if this is not an array.
    std::uint32_t array() noexcept {
        if (at_ != end_ && (lead() & 0xf0) == wire::kFixArray) return static_cast<unsigned char>(*at_++) & 0x0f;
        return container(wire::kFixArray, wire::kArray16);
    }
    /// The number of pairs that follow; `bad_type` if this is not a map.
    std::uint32_t map() noexcept { return container(wire::kFixMap, wire::kMap16); }

    std::uint64_t uint64() noexcept {
        if (at_ != end_ && lead() < wire::kFixMap) return static_cast<unsigned char>(*at_++);
        return wide_uint64();
    }
    std::int64_t int64() noexcept;
    /// A number that fits `T`, else `out_of_range`.
    template <class T>
    T integer() noexcept {
        if constexpr (std::numeric_limits<T>::is_signed) {
            const auto value = int64();
            if (value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max())
                return static_cast<T>(value);
        } else {
            const auto value = uint64();
            if (value <= std::numeric_limits<T>::max()) return static_cast<T>(value);
        }
        fail(errc::out_of_range);
        return 0;
    }

    bool boolean() noexcept;
    Bytes str() noexcept;
    Bytes bin() noexcept;
    /// A str or bin, and which of them it was.
    Bytes payload(PayloadKind& kind) noexcept {
        if (at_ != end_) {
            kind = lead() >= wire::kBin8 && lead() <= wire::kBin32 ? PayloadKind::binary : PayloadKind::text;
            return kind == PayloadKind::binary ? bin() : str();
        }
        fail(errc::truncated);
        return {};
    }
    /// Steps over a nil; false, and no step, if the next value is another.
    bool take_nil() noexcept {
        if (at_ == end_ || lead() != wire::kNil) return false;
        ++at_;
        return true;
    }
    std::optional<Bytes> optional_str() noexcept;
    std::optional<Bytes> optional_bin() noexcept;

    // Checked whole, so that walking over what is returned cannot fail. Nil reads as empty.
    StringList string_list() noexcept;
    /// The next `count` values, which must be strings, or nil, which reads as empty: the rest of a flat array.
    StringList flat_strings(std::size_t count) noexcept;
    StringMap string_map() noexcept;
    PayloadMap payload_map() noexcept;
    HeaderMap header_map() noexcept;

    /// Steps over one value of any type; `too_deep` beyond `kMaxDepth`.
    void skip() noexcept;
    /// Steps over one value and gives its encoded bytes.
    Bytes raw() noexcept;

  private:
    StringList strings(std::size_t count) noexcept;
    unsigned char lead() const noexcept { return static_cast<unsigned char>(*at_); }
    /// `count` bytes, or `truncated`.
    Bytes take(std::uint64_t count) noexcept {
        if (count > remaining()) {
            fail(errc::truncated);
            return {};
        }
        const Bytes bytes(at_, static_cast<std::size_t>(count));
        at_ += count;
        return bytes;
    }
    std::uint64_t number(std::size_t width) noexcept;
    std::uint64_t wide_uint64() noexcept;
    std::uint32_t container(unsigned char fix, unsigned char wide16) noexcept;

    const char* at_;
    const char* end_;
    errc error_{};
};

}  // namespace trunkline::protocol
