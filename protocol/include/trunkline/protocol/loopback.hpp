#pragma once

#include <string_view>

namespace trunkline::protocol {

/// Whether that host can only be this machine: `localhost`, 127.0.0.0/8 or ::1 (IPv6 without brackets). The links to it
/// need no key (SPEC.md "Handshake").
bool is_loopback(std::string_view host);

}  // namespace trunkline::protocol
