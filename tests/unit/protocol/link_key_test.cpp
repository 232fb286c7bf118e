#include "trunkline/protocol/link_key.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace trunkline::protocol;

TEST_CASE("link key: white space around it is no part of it", "[protocol][link_key]") {
    struct Row {
        std::string content, key;
    };
    const auto row = GENERATE(values<Row>({
        {"", ""},
        {" \t\r\n\f\v", ""},
        {"k", "k"},
        {" \t\r\n\f\vk y\f\v\n\n", "k y"},
        {std::string("\0k\0", 3), std::string("\0k\0", 3)},
    }));
    CAPTURE(row.content);
    CHECK(trim_link_key(row.content) == row.key);
}

TEST_CASE("link key: has a least length, its file a greatest", "[protocol][link_key]") {
    CHECK_FALSE(has_link_key(""));
    CHECK_FALSE(has_link_key("123456789012345"));
    CHECK_FALSE(has_link_key("123456789012345          \n"));
    CHECK(has_link_key("1234567890123456"));
    CHECK(has_link_key(" 1234567890123456\n"));
    CHECK(has_link_key(std::string(kMaxLinkKeyFile, 'k')));
    CHECK_FALSE(has_link_key(std::string(kMaxLinkKeyFile + 1, 'k')));
    CHECK_FALSE(has_link_key(std::string(kMaxLinkKeyFile, 'k') + "\n"));
}
