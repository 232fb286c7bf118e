#pragma once

#include "config/settings.hpp"
#include "proxy/http/refusal.hpp"
#include "proxy/http/route_table.hpp"
#include "proxy/http/origin.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace trunkline::proxy {

inline constexpr std::size_t kMaxRequestHead = 7 << 10;  ///< bytes; 8 KiB less 1 KiB for what an Open adds to it
inline constexpr std::size_t kMaxRequestHeaders = 100;
inline constexpr std::size_t kMaxOfferedSubprotocols = 32;

struct HeaderView {
    std::string_view name;
    std::string_view value;  ///< without white space around it
};

/// A request head as any HTTP parser gives it; views into the parser's memory.
struct RequestHead {
    std::string_view method;
    std::string_view target;
    unsigned version = 11;            ///< 10 or 11
    std::vector<HeaderView> headers;  ///< every line of its own, in order
};

/// A client that may become a connection, with all that its Open says. Owns its text.
struct UpgradeRequest {
    std::size_t route = 0;  ///< index in the settings
    std::string path;       ///< decoded
    std::string query;      ///< as it came, without `?`; may hold a token, so it is never logged
    std::vector<std::pair<std::string, std::string>> parameters;  ///< of the route's pattern: name, decoded value
    std::string host;                                             ///< the Host header
    std::vector<Header> headers;       ///< for the app: without those of the handshake itself and X-Forwarded-*
    std::vector<std::string> offered;  ///< sub-protocols in the client's order, no two alike
    std::string subprotocol;           ///< the first of the route's list that was offered, or empty
    std::string key;                   ///< Sec-WebSocket-Key, valid
};

/// A GET or HEAD on a route of static files.
struct FileRequest {
    std::size_t route = 0;
    std::string name;  ///< what the route's `*` stands for, decoded; empty for a route without one
    std::string if_none_match;
    bool is_head = false;
    bool keep_alive = false;
};

using Decision = std::variant<UpgradeRequest, FileRequest, Refusal>;

/// What a request head becomes. Pure: it has every rule of the upgrade (RFC 6455 §4.2.1, and stricter) and no I/O, so
/// that all of them can be tested and fuzzed without a socket. We answer 101 only to what every HTTP implementation in
/// front of us would have read alike: headers that decide something stand once, nothing announces a body.
///
/// Immutable, any thread; work and memory are linear in the size of the head.
class UpgradeRules {
  public:
    /// Throws `std::invalid_argument` for settings that the loader should have refused.
    explicit UpgradeRules(std::vector<config::RouteSettings> routes);

    Decision decide(const RequestHead& head) const;

  private:
    Decision judge(const RequestHead& head) const;

    // Constant after construction.
    std::vector<config::RouteSettings> routes_;
    RouteTable table_;
    std::vector<OriginPolicy> origins_;  // by route
};

}  // namespace trunkline::proxy
