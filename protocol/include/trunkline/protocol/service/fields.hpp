#pragma once

#include "trunkline/protocol/service/reader.hpp"

namespace trunkline::protocol {

/// What the extension map of a version-1 message may hold (SPEC.md "Extension map"). Unknown keys are skipped with
/// their values.
struct ExtensionFields {
    std::optional<std::uint64_t> tracing_id{};
    std::optional<std::int32_t> ttl_seconds{};
    std::optional<Bytes> protocol{};
    std::optional<Bytes> filter{};
    std::optional<std::int32_t> data_type{};
    std::optional<bool> is_partial{};
    std::optional<Bytes> hello{};
};

/// The positional fields of one message. Plain reads need the field (`missing_field`); `*_or` and `optional_*` give
/// the default where a shorter, older message ends. Fields behind those that are asked for are never looked at.
class Fields {
  public:
    /// `left` elements of an array, of which `in` stands at the first.
    Fields(Reader in, std::uint32_t left) noexcept : in_(in), left_(left) {}

    bool ok() const noexcept { return in_.ok(); }
    errc error() const noexcept { return in_.error(); }
    std::uint32_t left() const noexcept { return left_; }

    Bytes str() noexcept { return need() ? in_.str() : Bytes{}; }
    Bytes bin() noexcept { return need() ? in_.bin() : Bytes{}; }
    Bytes payload(PayloadKind& kind) noexcept { return need() ? in_.payload(kind) : Bytes{}; }
    std::uint64_t uint64() noexcept { return need() ? in_.uint64() : 0; }
    template <class T>
    T integer() noexcept {
        return need() ? in_.integer<T>() : T{};
    }
    bool boolean() noexcept { return need() && in_.boolean(); }
    StringList string_list() noexcept { return need() ? in_.string_list() : StringList{}; }
    StringMap string_map() noexcept { return need() ? in_.string_map() : StringMap{}; }
    PayloadMap payload_map() noexcept { return need() ? in_.payload_map() : PayloadMap{}; }
    HeaderMap header_map() noexcept { return need() ? in_.header_map() : HeaderMap{}; }

    template <class T>
    T integer_or(T fallback) noexcept {
        return more() ? in_.integer<T>() : fallback;
    }
    bool boolean_or(bool fallback) noexcept { return more() ? in_.boolean() : fallback; }
    /// Missing, nil or a string; the first two read as nothing.
    std::optional<Bytes> optional_str() noexcept { return more() ? in_.optional_str() : std::nullopt; }
    std::optional<Bytes> optional_bin() noexcept { return more() ? in_.optional_bin() : std::nullopt; }
    StringList string_list_or_empty() noexcept { return more() ? in_.string_list() : StringList{}; }
    HeaderMap header_map_or_empty() noexcept { return more() ? in_.header_map() : HeaderMap{}; }
    /// All that is left, which must be strings, or nil, which reads as empty.
    StringList rest() noexcept {
        const auto count = left_;
        left_ = 0;
        return in_.flat_strings(count);
    }
    ExtensionFields extension() noexcept;

    /// A map with int keys; missing or nil, it is empty. `f(std::int64_t key, Reader& in)` reads or skips the value.
    template <class F>
    void keyed(F&& f) noexcept {
        if (!more() || in_.take_nil()) return;
        const std::uint32_t count = in_.map();
        for (std::uint32_t i = 0; i < count && in_.ok(); ++i) {
            const auto key = in_.int64();
            f(key, in_);
        }
    }

    void fail(errc error) noexcept { in_.fail(error); }

  private:
    bool more() noexcept {
        if (left_ == 0) return false;
        --left_;
        return true;
    }
    bool need() noexcept {
        if (more()) return true;
        in_.fail(errc::missing_field);
        return false;
    }

    Reader in_;
    std::uint32_t left_;
};

}  // namespace trunkline::protocol
