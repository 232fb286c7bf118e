#include "trunkline/protocol/link_key.hpp"

namespace trunkline::protocol {

Bytes trim_link_key(Bytes content) noexcept {
    constexpr Bytes kSpace = " \t\r\n\f\v";
    const auto begin = content.find_first_not_of(kSpace);
    if (begin == Bytes::npos) return {};
    return content.substr(begin, content.find_last_not_of(kSpace) - begin + 1);
}

bool has_link_key(Bytes content) noexcept {
    return content.size() <= kMaxLinkKeyFile && trim_link_key(content).size() >= kMinLinkKey;
}

}  // namespace trunkline::protocol
