#include "trunkline/protocol/utf8.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace trunkline::protocol;

namespace {

// The definition, a byte at a time and as slow as it likes: decodes, then judges the code point.
bool is_valid_by_definition(Bytes text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t size = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
        if (size == 0 || i + size > text.size()) return false;
        std::uint32_t point = size == 1 ? lead : lead & (0x7fu >> size);
        for (std::size_t j = 1; j < size; ++j) {
            const auto byte = static_cast<unsigned char>(text[i + j]);
            if ((byte & 0xc0) != 0x80) return false;
            point = point << 6 | (byte & 0x3f);
        }
        const std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
        i += size;
    }
    return true;
}

// The first byte after which nothing valid can follow, by trying all that could; the size if there is none.
std::size_t first_bad_byte(Bytes text) {
    for (std::size_t size = 1; size <= text.size(); ++size) {
        const std::string prefix(text.substr(0, size));
        bool has_future = is_valid_by_definition(prefix);
        for (const char* tail :
             {"\x80", "\x90", "\xa0", "\x80\x80", "\x90\x80", "\xa0\x80", "\x80\x80\x80", "\x90\x80\x80"}) {
            has_future = has_future || is_valid_by_definition(prefix + tail);
        }
        if (!has_future) return size - 1;
    }
    return text.size();
}

void check_every_cut(const std::string& text) {
    const bool valid = is_valid_by_definition(text);
    const std::size_t bad = first_bad_byte(text);
    CHECK(is_valid_utf8(text) == valid);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        CAPTURE(cut);
        Utf8Validator validator;
        const bool first = validator.feed(Bytes(text).substr(0, cut));
        const bool second = validator.feed(Bytes(text).substr(cut));
        CHECK(first == (cut <= bad));
        CHECK(second == (bad == text.size()));
        CHECK((second && validator.is_complete()) == valid);
    }
}

}  // namespace

TEST_CASE("Utf8Validator: the classic sequences at every cut", "[protocol][utf8]") {
    struct Row {
        const char* name;
        std::string bytes;
        bool is_valid;
    };
    const auto row = GENERATE(values<Row>({
        {"empty", "", true},
        {"ASCII", "Hello", true},
        {"NUL", std::string(1, '\0'), true},
        {"kosme", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", true},
        {"first of two bytes", "\xc2\x80", true},
        {"last of two bytes", "\xdf\xbf", true},
        {"first of three bytes", "\xe0\xa0\x80", true},
        {"last before the surrogates", "\xed\x9f\xbf", true},
        {"first after the surrogates", "\xee\x80\x80", true},
        {"non-character U+FFFF", "\xef\xbf\xbf", true},
        {"first of four bytes", "\xf0\x90\x80\x80", true},
        {"U+10FFFF", "\xf4\x8f\xbf\xbf", true},
        {"lone continuation", "\x80", false},
        {"lone last continuation", "\xbf", false},
        {"overlong NUL", "\xc0\x80", false},
        {"overlong slash, two bytes", "\xc0\xaf", false},
        {"overlong C1", "\xc1\xbf", false},
        {"overlong, three bytes", "\xe0\x80\xaf", false},
        {"overlong, three bytes, greatest", "\xe0\x9f\xbf", false},
        {"overlong, four bytes", "\xf0\x80\x80\xaf", false},
        {"overlong, four bytes, greatest", "\xf0\x8f\xbf\xbf", false},
        {"first surrogate", "\xed\xa0\x80", false},
        {"last surrogate", "\xed\xbf\xbf", false},
        {"surrogate pair", "\xed\xa0\x81\xed\xb0\x80", false},
        {"above U+10FFFF", "\xf4\x90\x80\x80", false},
        {"lead F5", "\xf5\x80\x80\x80", false},
        {"five bytes", "\xf8\x88\x80\x80\x80", false},
        {"six bytes", "\xfc\x84\x80\x80\x80\x80", false},
        {"FE", "\xfe", false},
        {"FF", "\xff", false},
        {"cut after one of two", "\xc3", false},
        {"cut after two of three", "\xe2\x82", false},
        {"cut after three of four", "\xf0\x9f\x98", false},
        {"lead, then ASCII", "\xe2\x28\xa1", false},
        {"lead, then lead", "\xc3\xc3\xa9", false},
        {"three bytes, third bad", "\xe2\x82\x28", false},
        {"four bytes, fourth bad", "\xf0\x9f\x98\x28", false},
    }));
    CAPTURE(row.name);
    CHECK(is_valid_utf8(row.bytes) == row.is_valid);
    // Alone, and where the fast paths run: behind and before ASCII of every length up to two strides.
    for (std::size_t pad : {0, 1, 3, 7, 8, 9, 15, 31, 32, 33, 64}) {
        CAPTURE(pad);
        check_every_cut(std::string(pad, 'a') + row.bytes);
        check_every_cut(std::string(pad, 'a') + row.bytes + std::string(pad, 'z'));
        check_every_cut(std::string(pad % 5, 'a') + "\xe2\x82\xac" + row.bytes + "\xf0\x9f\x98\x80" +
                        std::string(pad, 'z'));
    }
}

TEST_CASE("Utf8Validator: agrees with the definition on every pair and on random bytes", "[protocol][utf8]") {
    int wrong = 0;
    for (unsigned a = 0; a < 256; ++a) {
        for (unsigned b = 0; b < 256; ++b) {
            for (const char* tail : {"", "\x80", "\x80\x80", "\xbf\xbf", "\x80\x80zzzzzzzz"}) {
                const std::string text = std::string{static_cast<char>(a), static_cast<char>(b)} + tail;
                wrong += is_valid_utf8(text) != is_valid_by_definition(text);
            }
        }
    }
    CHECK(wrong == 0);

    std::mt19937 random(20240607);
    const char* const parts[] = {"a",    "abcdefgh", "\xc3\xa9", "\xe2\x82\xac",     "\xf0\x9f\x98\x80",
                                 "\x80", "\xe0",     "\xed",     "\xf4\x8f\xbf\xbf", "\xf4\x90",
                                 "\xc0", "\xe1\xbd"};
    for (int i = 0; i < 3000; ++i) {
        std::string text;
        for (auto n = random() % 12; n > 0; --n) text += parts[random() % (i % 2 == 0 ? 5 : std::size(parts))];
        CAPTURE(text);
        check_every_cut(text);
    }
}

TEST_CASE("utf8_prefix: cuts between characters", "[protocol][utf8]") {
    const Bytes text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";  // 1, 2, 3, 4 and 1 bytes
    const std::size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (std::size_t max = 0; max < std::size(expected); ++max) {
        CAPTURE(max);
        CHECK(utf8_prefix(text, max).size() == expected[max]);
    }
}

TEST_CASE("first_character: decodes what is valid, and takes one byte of what is not", "[protocol][utf8]") {
    struct Row {
        const char* name;
        std::string text;
        std::uint32_t code_point;
        std::size_t size;
    };
    const auto row = GENERATE(values<Row>({
        {"ASCII", "ab", 'a', 1},
        {"zero", std::string(1, '\0'), 0, 1},
        {"the least of two bytes", "\xc2\x80", 0x80, 2},
        {"the last of two bytes", "\xdf\xbf", 0x7ff, 2},
        {"the least of three bytes", "\xe0\xa0\x80", 0x800, 3},
        {"before the surrogates", "\xed\x9f\xbf", 0xd7ff, 3},
        {"the last of three bytes", "\xef\xbf\xbfz", 0xffff, 3},
        {"the least of four bytes", "\xf0\x90\x80\x80", 0x10000, 4},
        {"the last of all", "\xf4\x8f\xbf\xbf", 0x10ffff, 4},
    }));
    CAPTURE(row.name);
    const auto found = first_character(row.text);
    CHECK(found.is_valid);
    CHECK(found.code_point == row.code_point);
    CHECK(found.size == row.size);
    for (const char* bad : {"\x80", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
                            "\xff", "\xe2\x82", "\xe2\x82z", "\xf0\x9f\x98"}) {
        CAPTURE(bad);
        CHECK_FALSE(first_character(bad).is_valid);
        CHECK(first_character(bad).size == 1);
    }
}
