#include "trunkline/protocol/service/reader.hpp"

#include <catch2/catch.hpp>
#include <msgpack.hpp>

#include "support.hpp"

using namespace trunkline::protocol;

namespace {

template <class Pack>
std::string packed(Pack pack) {
    msgpack::sbuffer buffer;
    msgpack::packer<msgpack::sbuffer> packer(buffer);
    pack(packer);
    return {buffer.data(), buffer.size()};
}

const std::vector<std::size_t> kLengths{0, 1, 31, 32, 125, 126, 127, 128, 255, 256, 16383, 16384, 65535, 65536};

std::vector<std::uint64_t> boundaries() {
    std::vector<std::uint64_t> numbers{0, 1};
    for (const unsigned bits : {5, 7, 8, 15, 16, 31, 32, 63}) {
        const auto power = std::uint64_t{1} << bits;
        numbers.insert(numbers.end(), {power - 1, power, power + 1});
    }
    numbers.push_back(~std::uint64_t{0});
    return numbers;
}

}  // namespace

TEST_CASE("Reader: unsigned numbers of any width", "[protocol][reader]") {
    for (const auto value : boundaries()) {
        CAPTURE(value);
        std::vector<std::string> forms{packed([&](auto& p) { p.pack_uint64(value); }),
                                       packed([&](auto& p) { p.pack_fix_uint64(value); })};
        if (value <= 0xffffffff)
            forms.push_back(packed([&](auto& p) { p.pack_fix_uint32(static_cast<std::uint32_t>(value)); }));
        if (value <= 0xffff)
            forms.push_back(packed([&](auto& p) { p.pack_fix_uint16(static_cast<std::uint16_t>(value)); }));
        if (value <= 0xff)
            forms.push_back(packed([&](auto& p) { p.pack_fix_uint8(static_cast<std::uint8_t>(value)); }));
        if (value >> 63 == 0)
            forms.push_back(packed([&](auto& p) { p.pack_fix_int64(static_cast<std::int64_t>(value)); }));
        if (value < 1u << 31)
            forms.push_back(packed([&](auto& p) { p.pack_fix_int32(static_cast<std::int32_t>(value)); }));
        for (const auto& form : forms) {
            CAPTURE(hex(form));
            Reader in(form);
            CHECK(in.uint64() == value);
            CHECK(in.ok());
            CHECK(in.remaining() == 0);
            for (std::size_t cut = 0; cut < form.size(); ++cut) {
                Reader part(Bytes(form).substr(0, cut));
                part.uint64();
                CHECK(part.error() == errc::truncated);
            }
            Reader narrow(form);
            const auto small = narrow.integer<std::uint16_t>();
            CHECK(narrow.ok() == (value <= 0xffff));
            CHECK(small == (value <= 0xffff ? value : 0));
        }
    }
}

TEST_CASE("Reader: signed numbers of any width", "[protocol][reader]") {
    for (const auto magnitude : boundaries()) {
        if (magnitude >> 63 != 0) continue;
        for (const auto value : {static_cast<std::int64_t>(magnitude), -static_cast<std::int64_t>(magnitude)}) {
            CAPTURE(value);
            for (const auto& form :
                 {packed([&](auto& p) { p.pack_int64(value); }), packed([&](auto& p) { p.pack_fix_int64(value); })}) {
                Reader in(form);
                CHECK(in.int64() == value);
                CHECK(in.ok());
                CHECK(in.remaining() == 0);
                Reader narrow(form);
                narrow.integer<std::int32_t>();
                CHECK(narrow.ok() == (value >= INT32_MIN && value <= INT32_MAX));
                Reader positive(form);
                positive.uint64();
                CHECK(positive.ok() == (value >= 0));
                if (value < 0) CHECK(positive.error() == errc::out_of_range);
            }
        }
    }
}

TEST_CASE("Reader: strings and bytes of every form", "[protocol][reader]") {
    for (const auto length : kLengths) {
        CAPTURE(length);
        const std::string content(length, 'x');
        const auto text = packed([&](auto& p) { p.pack(content); });
        const auto binary = packed([&](auto& p) {
            p.pack_bin(static_cast<std::uint32_t>(length));
            p.pack_bin_body(content.data(), static_cast<std::uint32_t>(length));
        });
        Reader in_text(text), in_binary(binary), wrong_text(binary), wrong_binary(text);
        CHECK(in_text.str() == content);
        CHECK(in_text.remaining() == 0);
        CHECK(in_binary.bin() == content);
        CHECK(in_binary.remaining() == 0);
        wrong_text.str();
        CHECK(wrong_text.error() == errc::bad_type);
        wrong_binary.bin();
        CHECK(wrong_binary.error() == errc::bad_type);
        for (const auto* form : {&text, &binary}) {
            PayloadKind kind{};
            Reader in(*form);
            CHECK(in.payload(kind) == content);
            CHECK(kind == (form == &text ? PayloadKind::text : PayloadKind::binary));
            Reader part(Bytes(*form).substr(0, form->size() - 1));
            part.payload(kind);
            CHECK(part.error() == errc::truncated);
        }
    }
}

TEST_CASE("Reader: longer forms of short strings", "[protocol][reader]") {
    for (const auto* form : {"A1 78", "D9 01 78", "DA 00 01 78", "DB 00 00 00 01 78"}) {
        const auto bytes = unhex(form);
        Reader in(bytes);
        CHECK(in.str() == "x");
        Reader list_bytes(bytes);
        const auto list = list_bytes.flat_strings(1);
        std::string walked;
        list.for_each([&](Bytes item) { walked += item; });
        CHECK(walked == "x");
    }
}

TEST_CASE("Reader: nil is not empty", "[protocol][reader]") {
    const auto bytes = unhex("C0 A0 C0 C4 00 A0");
    Reader in(bytes);
    CHECK_FALSE(in.optional_str().has_value());
    CHECK(in.optional_str() == Bytes(""));
    CHECK_FALSE(in.optional_bin().has_value());
    CHECK(in.optional_bin() == Bytes(""));
    in.optional_bin();
    CHECK(in.error() == errc::bad_type);
}

TEST_CASE("Reader: the first failure sticks and moves the cursor to the end", "[protocol][reader]") {
    const auto bytes = unhex("A1 78 01 02");
    Reader in(bytes);
    in.uint64();
    CHECK(in.error() == errc::bad_type);
    CHECK(in.uint64() == 0);
    CHECK(in.str().empty());
    CHECK(in.string_list().empty());
    CHECK(in.error() == errc::bad_type);
    CHECK(in.remaining() == 0);
}

TEST_CASE("Reader: lists and maps are checked whole before they are walked", "[protocol][reader]") {
    for (const std::size_t count : {0, 1, 15, 16, 65535, 65536}) {
        CAPTURE(count);
        std::vector<std::string> strings(count, "ab");
        auto bytes = packed([&](auto& p) { p.pack(strings); });
        Reader in(bytes);
        const auto list = in.string_list();
        REQUIRE(in.ok());
        CHECK(list.size() == count);
        std::size_t seen = 0;
        list.for_each([&](Bytes item) { seen += item == "ab"; });
        CHECK(seen == count);
        CHECK(list.contains("ab") == (count != 0));
        CHECK_FALSE(list.contains("a"));
        if (count != 0) {
            bytes.pop_back();
            Reader part(bytes);
            CHECK(part.string_list().empty());
            CHECK(part.error() == errc::truncated);
        }
    }
}

TEST_CASE("Reader: counts beyond the bytes end at once", "[protocol][reader]") {
    for (const auto* form : {"DD FF FF FF FF", "DF FF FF FF FF", "DD FF FF FF FF A0", "DF FF FF FF FF A0 A0"}) {
        const auto bytes = unhex(form);
        Reader list(bytes), map(bytes), payloads(bytes), headers(bytes), skipped(bytes);
        list.string_list(), map.string_map(), payloads.payload_map(), headers.header_map(), skipped.skip();
        for (const auto* reader : {&list, &map, &payloads, &headers, &skipped}) CHECK_FALSE(reader->ok());
        CHECK(skipped.error() == errc::truncated);
    }
}

TEST_CASE("Reader: maps keep double keys and their order", "[protocol][reader]") {
    const auto bytes = unhex("83 A1 61 A1 31 A1 62 A1 32 A1 61 A1 33");
    Reader in(bytes);
    const auto map = in.string_map();
    REQUIRE(in.ok());
    std::string walked;
    map.for_each([&](Bytes key, Bytes value) { walked.append(key).append("=").append(value).append(" "); });
    CHECK(walked == "a=1 b=2 a=3 ");
    CHECK(map.find("a") == Bytes("1"));
    CHECK_FALSE(map.find("c").has_value());
}

TEST_CASE("Reader: skips one value of any type", "[protocol][reader]") {
    const auto* form = GENERATE(
        "00", "7F", "E0", "80", "90", "A3 61 62 63", "C0", "C2", "C3", "C4 01 00", "C5 00 01 00", "C6 00 00 00 01 00",
        "C7 02 05 01 02", "C8 00 01 05 01", "C9 00 00 00 01 05 01", "CA 00 00 00 00", "CB 00 00 00 00 00 00 00 00",
        "CC FF", "CD FF FF", "CE FF FF FF FF", "CF FF FF FF FF FF FF FF FF", "D0 80", "D1 80 00", "D2 80 00 00 00",
        "D3 80 00 00 00 00 00 00 00", "D4 01 00", "D5 01 00 00", "D6 01 00 00 00 00", "D7 01 00 00 00 00 00 00 00 00",
        "D8 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "D9 01 61", "DA 00 01 61", "DB 00 00 00 01 61",
        "DC 00 01 00", "DD 00 00 00 01 00", "DE 00 01 00 00", "DF 00 00 00 01 00 00", "82 01 92 01 02 03 81 A1 61 90");
    CAPTURE(form);
    const auto value = unhex(form);
    const auto bytes = value + "\x2a";
    Reader in(bytes);
    CHECK(in.raw() == value);
    CHECK(in.uint64() == 42);
    CHECK(in.ok());
    for (std::size_t cut = 0; cut < value.size(); ++cut) {
        Reader part(Bytes(value).substr(0, cut));
        part.skip();
        CHECK(part.error() == errc::truncated);
    }
    std::size_t oracle = 0;
    msgpack::unpack(bytes.data(), bytes.size(), oracle);
    CHECK(oracle == value.size());
}

TEST_CASE("Reader: nesting has a limit", "[protocol][reader]") {
    const auto nested = [](std::size_t depth) { return std::string(depth, '\x91') + '\x01'; };
    const auto most = nested(Reader::kMaxDepth), one_more = nested(Reader::kMaxDepth + 1), many = nested(1'000'000);
    Reader in(most);
    in.skip();
    CHECK(in.ok());
    CHECK(in.remaining() == 0);
    for (const auto* bytes : {&one_more, &many}) {
        Reader deep(*bytes);
        deep.skip();
        CHECK(deep.error() == errc::too_deep);
    }
    const auto never_used = unhex("C1");
    Reader bad(never_used);
    bad.skip();
    CHECK(bad.error() == errc::bad_type);
}
