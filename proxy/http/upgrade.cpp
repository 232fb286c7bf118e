#include "proxy/http/upgrade.hpp"

#include "proxy/http/http_syntax.hpp"
#include "proxy/http/request_target.hpp"
#include "trunkline/protocol/limits.hpp"
#include "trunkline/protocol/websocket/handshake.hpp"

#include <algorithm>
#include <optional>

namespace trunkline::proxy {
namespace {

/// The record of an Open also holds what is not in the head: ids, address, user, keys of its maps.
constexpr std::size_t kMaxUpgradeBytes = protocol::kMaxOpenRecord - 512;

/// The headers that decide something, taken out of the list in one pass.
struct Essentials {
    std::optional<std::string_view> host;
    std::optional<std::string_view> upgrade;
    std::optional<std::string_view> key;
    std::optional<std::string_view> version;
    std::optional<std::string_view> origin;
    std::optional<std::string_view> content_length;
    std::optional<std::string_view> transfer_encoding;
    std::vector<std::string_view> subprotocols;  // one element per line
    std::string_view if_none_match;
    bool connection_upgrade = false;
    bool connection_close = false;

    /// The one place for `header`, if it may stand only once.
    std::optional<std::string_view>* single(std::string_view name) {
        if (equal_ignoring_case(name, "Host")) return &host;
        if (equal_ignoring_case(name, "Upgrade")) return &upgrade;
        if (equal_ignoring_case(name, "Sec-WebSocket-Key")) return &key;
        if (equal_ignoring_case(name, "Sec-WebSocket-Version")) return &version;
        if (equal_ignoring_case(name, "Origin")) return &origin;
        if (equal_ignoring_case(name, "Content-Length")) return &content_length;
        if (equal_ignoring_case(name, "Transfer-Encoding")) return &transfer_encoding;
        return nullptr;
    }
};

Refusal refuse(RefuseReason reason, unsigned status, std::string text, std::vector<Header> headers = {}) {
    Refusal refusal;
    refusal.reason = reason;
    refusal.status = status;
    refusal.text = std::move(text);
    refusal.headers = std::move(headers);
    return refusal;
}

Refusal bad_request(std::string text) { return refuse(RefuseReason::bad_request, 400, std::move(text)); }

/// Nothing, or why the headers are refused.
std::optional<Refusal> read_headers(const RequestHead& head, Essentials& essentials) {
    if (head.headers.size() > kMaxRequestHeaders) {
        return refuse(RefuseReason::head_too_large, 431, "The request has too many headers.");
    }
    for (const auto& header : head.headers) {
        if (!is_token(header.name)) return bad_request("The name of a header is malformed.");
        for (const char c : header.value) {
            if (is_control(c) && c != '\t') return bad_request("The value of a header is malformed.");
        }
        if (auto* place = essentials.single(header.name)) {
            if (*place) return bad_request("A header that may stand only once stands twice.");
            *place = header.value;
        } else if (equal_ignoring_case(header.name, "Connection")) {
            for_each_element(header.value, [&](std::string_view option) {
                if (equal_ignoring_case(option, "upgrade")) essentials.connection_upgrade = true;
                if (equal_ignoring_case(option, "close")) essentials.connection_close = true;
                return true;
            });
        } else if (equal_ignoring_case(header.name, "Sec-WebSocket-Protocol")) {
            essentials.subprotocols.push_back(header.value);
        } else if (equal_ignoring_case(header.name, "If-None-Match")) {
            essentials.if_none_match = header.value;
        }
    }
    return std::nullopt;
}

bool announces_body(const Essentials& essentials) {
    const auto is_zero = [](std::string_view text) {
        return !text.empty() && text.find_first_not_of('0') == text.npos;
    };
    return essentials.transfer_encoding || (essentials.content_length && !is_zero(*essentials.content_length));
}

/// RFC 6455 §4.2.1, points 3 to 6 and 8.
std::optional<Refusal> check_handshake(const RequestHead& head, const Essentials& essentials) {
    const bool wants_websocket =
        essentials.upgrade && !for_each_element(*essentials.upgrade, [](std::string_view protocol) {
            return !equal_ignoring_case(protocol, "websocket");
        });
    if (!wants_websocket) {
        return refuse(RefuseReason::upgrade_required, 426, "This path takes WebSocket connections only.",
                      {{"Upgrade", "websocket"}});
    }
    if (head.version != 11) return bad_request("A WebSocket request is HTTP/1.1.");
    if (!essentials.connection_upgrade) return bad_request("The Connection header does not name Upgrade.");
    if (essentials.version != "13") {
        return refuse(RefuseReason::upgrade_required, 426, "Only version 13 of WebSocket is spoken here.",
                      {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}});
    }
    if (!essentials.key || !protocol::websocket::is_valid_key(*essentials.key)) {
        return bad_request("Sec-WebSocket-Key is missing or malformed.");
    }
    return std::nullopt;
}

std::optional<Refusal> read_subprotocols(const std::vector<std::string_view>& lines,
                                         std::vector<std::string>& offered) {
    for (const auto line : lines) {
        const bool fine = for_each_element(line, [&](std::string_view name) {
            if (!is_token(name) || offered.size() == kMaxOfferedSubprotocols) return false;
            if (std::find(offered.begin(), offered.end(), name) != offered.end()) return false;
            offered.emplace_back(name);
            return true;
        });
        if (!fine) return bad_request("Sec-WebSocket-Protocol is malformed, repeats itself or is too long.");
    }
    return std::nullopt;
}

/// Whether the app gets to see it: not what only concerns this hop's handshake, nor what a client could claim about its
/// address before anybody vouched for it.
bool is_for_app(std::string_view name) {
    constexpr std::string_view kNot[] = {"Connection",
                                         "Upgrade",
                                         "Sec-WebSocket-Key",
                                         "Sec-WebSocket-Version",
                                         "Sec-WebSocket-Extensions",
                                         "Keep-Alive",
                                         "TE",
                                         "Trailer",
                                         "Transfer-Encoding",
                                         "Proxy",
                                         "Proxy-Connection",
                                         "Proxy-Authorization",
                                         "Forwarded",
                                         "X-Real-IP",
                                         "X-Client-IP",
                                         "True-Client-IP",
                                         "CF-Connecting-IP"};
    for (const auto not_this : kNot) {
        if (equal_ignoring_case(name, not_this)) return false;
    }
    // An app that looks headers up as CGI variables takes X_Real_IP for X-Real-IP.
    return name.find('_') == std::string_view::npos && !starts_with_ignoring_case(name, "X-Forwarded");
}

std::size_t record_bytes(const UpgradeRequest& request) {
    std::size_t bytes = request.path.size() + request.query.size() + request.host.size() + request.subprotocol.size();
    for (const auto& [name, value] : request.parameters) bytes += name.size() + value.size() + 6;
    for (const auto& header : request.headers) bytes += header.name.size() + header.value.size() + 6;
    return bytes;
}

}  // namespace

UpgradeRules::UpgradeRules(std::vector<config::RouteSettings> routes) : routes_(std::move(routes)), table_(routes_) {
    origins_.reserve(routes_.size());
    for (const auto& route : routes_) origins_.emplace_back(route.allow_origins);
}

Decision UpgradeRules::decide(const RequestHead& head) const {
    auto decision = judge(head);
    if (auto* refusal = std::get_if<Refusal>(&decision)) refusal->omit_body = head.method == "HEAD";
    return decision;
}

Decision UpgradeRules::judge(const RequestHead& head) const {
    Essentials essentials;
    if (auto refusal = read_headers(head, essentials)) return *std::move(refusal);
    if (!is_token(head.method)) return bad_request("The method is malformed.");
    const auto host = essentials.host ? parse_authority(*essentials.host) : std::nullopt;
    if (!host) return bad_request("The Host header is missing or malformed.");
    auto target = parse_target(head.target);
    if (!target) return bad_request("The path is malformed or not allowed.");

    auto match = table_.find(host->host, target->path);
    if (!match) return refuse(RefuseReason::no_route, 404, "There is nothing at this path.");
    const auto& route = routes_[match->route];
    const bool has_files = !route.files.empty();
    const bool is_head = head.method == "HEAD";
    if (head.method != "GET" && !(has_files && is_head)) {
        return refuse(RefuseReason::method_not_allowed, 405, "This method has no meaning here.",
                      {{"Allow", has_files ? "GET, HEAD" : "GET"}});
    }
    if (announces_body(essentials)) return bad_request("A request has no body here.");

    if (has_files) {
        FileRequest request;
        request.route = match->route;
        request.name = match->rest;
        request.if_none_match = essentials.if_none_match;
        request.is_head = is_head;
        request.keep_alive = head.version == 11 && !essentials.connection_close;
        return request;
    }

    if (auto refusal = check_handshake(head, essentials)) return *std::move(refusal);
    if (!origins_[match->route].allows(essentials.origin, *host)) {
        return refuse(RefuseReason::origin, 403, "Pages of this origin may not connect.");
    }

    UpgradeRequest request;
    if (auto refusal = read_subprotocols(essentials.subprotocols, request.offered)) return *std::move(refusal);
    for (const auto& name : route.subprotocols) {
        if (std::find(request.offered.begin(), request.offered.end(), name) == request.offered.end()) continue;
        request.subprotocol = name;
        break;
    }
    request.route = match->route;
    request.path = std::move(target->path);
    request.query = target->query;
    request.parameters = std::move(match->parameters);
    request.host = *essentials.host;
    request.key = *essentials.key;
    for (const auto& header : head.headers) {
        if (is_for_app(header.name)) request.headers.push_back({std::string(header.name), std::string(header.value)});
    }
    if (record_bytes(request) > kMaxUpgradeBytes) {
        return refuse(RefuseReason::head_too_large, 431, "The request head is too large.");
    }
    return request;
}

}  // namespace trunkline::proxy
