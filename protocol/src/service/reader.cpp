#include "trunkline/protocol/service/reader.hpp"

#include <array>

namespace trunkline::protocol {

using namespace wire;

std::uint64_t Reader::number(std::size_t width) noexcept {
    const Bytes bytes = take(width);
    return ok() ? load(bytes.data(), width) : 0;
}

std::uint64_t Reader::wide_uint64() noexcept {
    if (at_ == end_) return fail(errc::truncated), 0;
    const auto kind = lead();
    if (kind >= kUint8 && kind <= kUint64) {
        ++at_;
        return number(std::size_t{1} << (kind - kUint8));
    }
    const auto value = int64();
    if (value >= 0) return static_cast<std::uint64_t>(value);
    return fail(errc::out_of_range), 0;
}

std::int64_t Reader::int64() noexcept {
    if (at_ == end_) return fail(errc::truncated), 0;
    const auto kind = static_cast<unsigned char>(*at_++);
    if (kind < kFixMap) return kind;
    if (kind >= kNegativeFixInt) return static_cast<std::int8_t>(kind);
    if (kind >= kUint8 && kind <= kUint64) {
        const auto value = number(std::size_t{1} << (kind - kUint8));
        if (value <= std::numeric_limits<std::int64_t>::max()) return static_cast<std::int64_t>(value);
        return fail(errc::out_of_range), 0;
    }
    switch (kind) {
        case kInt8: return static_cast<std::int8_t>(number(1));
        case kInt16: return static_cast<std::int16_t>(number(2));
        case kInt32: return static_cast<std::int32_t>(number(4));
        case kInt64: return static_cast<std::int64_t>(number(8));
        default: return fail(errc::bad_type), 0;
    }
}

std::uint32_t Reader::container(unsigned char fix, unsigned char wide16) noexcept {
    if (at_ == end_) return fail(errc::truncated), 0;
    const auto kind = static_cast<unsigned char>(*at_++);
    if ((kind & 0xf0) == fix) return kind & 0x0f;
    if (kind == wide16) return static_cast<std::uint32_t>(number(2));
    if (kind == wide16 + 1) return static_cast<std::uint32_t>(number(4));
    return fail(errc::bad_type), 0;
}

bool Reader::boolean() noexcept {
    if (at_ == end_) return fail(errc::truncated), false;
    const auto kind = static_cast<unsigned char>(*at_++);
    if (kind == kTrue || kind == kFalse) return kind == kTrue;
    return fail(errc::bad_type), false;
}

Bytes Reader::str() noexcept {
    if (at_ == end_) return fail(errc::truncated), Bytes{};
    const auto kind = static_cast<unsigned char>(*at_++);
    if ((kind & 0xe0) == kFixStr) return take(kind & 0x1f);
    if (kind < kStr8 || kind > kStr32) return fail(errc::bad_type), Bytes{};
    return take(number(std::size_t{1} << (kind - kStr8)));
}

Bytes Reader::bin() noexcept {
    if (at_ == end_) return fail(errc::truncated), Bytes{};
    const auto kind = static_cast<unsigned char>(*at_++);
    if (kind < kBin8 || kind > kBin32) return fail(errc::bad_type), Bytes{};
    return take(number(std::size_t{1} << (kind - kBin8)));
}

std::optional<Bytes> Reader::optional_str() noexcept {
    if (take_nil()) return std::nullopt;
    return str();
}

std::optional<Bytes> Reader::optional_bin() noexcept {
    if (take_nil()) return std::nullopt;
    return bin();
}

StringList Reader::string_list() noexcept {
    if (take_nil()) return {};
    return strings(array());
}

StringList Reader::strings(std::size_t count) noexcept {
    const char* start = at_;
    for (std::size_t i = 0; i < count && ok(); ++i) str();
    return ok() ? StringList(start, count) : StringList();
}

StringList Reader::flat_strings(std::size_t count) noexcept {
    const char* start = at_;
    for (std::size_t i = 0; i < count && ok(); ++i) optional_str();
    return ok() ? StringList(start, count) : StringList();
}

StringMap Reader::string_map() noexcept {
    if (take_nil()) return {};
    const std::uint32_t count = map();
    const char* start = at_;
    for (std::uint32_t i = 0; i < count && ok(); ++i) str(), str();
    return ok() ? StringMap(start, count) : StringMap();
}

PayloadMap Reader::payload_map() noexcept {
    if (take_nil()) return {};
    const std::uint32_t count = map();
    const char* start = at_;
    for (std::uint32_t i = 0; i < count && ok(); ++i) str(), bin();
    return ok() ? PayloadMap(start, count) : PayloadMap();
}

HeaderMap Reader::header_map() noexcept {
    if (take_nil()) return {};
    const std::uint32_t count = map();
    const char* start = at_;
    for (std::uint32_t i = 0; i < count && ok(); ++i) {
        str();
        strings(array());
    }
    return ok() ? HeaderMap(start, count) : HeaderMap();
}

void Reader::skip() noexcept {
    // Values still to come in each array or map around the cursor; the outermost "array" is the one value asked for.
    std::array<std::uint64_t, kMaxDepth + 1> open{1};
    std::size_t depth = 0;
    while (ok()) {
        while (open[depth] == 0) {
            if (depth-- == 0) return;
        }
        --open[depth];
        if (at_ == end_) return fail(errc::truncated);
        const auto kind = lead();
        std::uint64_t children = 0;
        if (kind < kFixMap || kind >= kNegativeFixInt || kind == kNil || kind == kFalse || kind == kTrue)
            ++at_;
        else if (kind < kFixArray || kind == kMap16 || kind == kMap32)
            children = 2 * std::uint64_t{map()};
        else if (kind < kFixStr || kind == kArray16 || kind == kArray32)
            children = array();
        else if (kind < kNil || (kind >= kStr8 && kind <= kStr32))
            str();
        else if (kind >= kBin8 && kind <= kBin32)
            bin();
        else if (kind >= kExt8 && kind <= kExt32)
            ++at_, take(number(std::size_t{1} << (kind - kExt8)) + 1);
        else if (kind == kFloat32 || kind == kFloat64)
            take(kind == kFloat32 ? 5 : 9);
        else if (kind >= kUint8 && kind <= kUint64)
            take(1 + (std::size_t{1} << (kind - kUint8)));
        else if (kind >= kInt8 && kind <= kInt64)
            take(1 + (std::size_t{1} << (kind - kInt8)));
        else if (kind >= kFixExt1 && kind <= kFixExt16)
            take(2 + (std::size_t{1} << (kind - kFixExt1)));
        else
            return fail(errc::bad_type);  // 0xc1, which MessagePack never uses
        if (children == 0) continue;
        if (depth == kMaxDepth) return fail(errc::too_deep);
        open[++depth] = children;
    }
}

Bytes Reader::raw() noexcept {
    const char* start = at_;
    skip();
    return ok() ? Bytes(start, static_cast<std::size_t>(at_ - start)) : Bytes();
}

}  // namespace trunkline::protocol
