#include "trunkline/protocol/loopback.hpp"

#include <arpa/inet.h>

#include <string>

#include "trunkline/protocol/ascii.hpp"

namespace trunkline::protocol {

bool is_loopback(std::string_view host) {
    if (equal_ignoring_case(host, "localhost")) return true;
    // A name may begin with "127." too, and lead anywhere: only what is an address counts.
    const std::string text(host.substr(0, host.find('\0')));
    if (text.size() != host.size()) return false;
    in_addr v4{};
    if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
    in6_addr v6{};
    return ::inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace trunkline::protocol
