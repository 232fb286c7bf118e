#include "proxy/http/http_answer.hpp"

#include "proxy/http/http_syntax.hpp"
#include "trunkline/protocol/websocket/handshake.hpp"

#include <array>
#include <ctime>

namespace trunkline::proxy {
namespace {

std::string_view phrase_of(unsigned status) {
    switch (status) {
        case 200: return "OK";
        case 304: return "Not Modified";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 409: return "Conflict";
        case 410: return "Gone";
        case 426: return "Upgrade Required";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 503: return "Service Unavailable";
        default: return status < 500 ? "Refused" : "Error";
    }
}

void add(std::string& answer, std::string_view name, std::string_view value) {
    answer.append(name).append(": ").append(value).append("\r\n");
}

std::string begin(unsigned status) {
    std::string answer;
    answer.reserve(512);
    answer.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(phrase_of(status)).append("\r\n");

    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    std::array<char, 32> date{};
    gmtime_r(&now, &parts);
    const auto length = std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    add(answer, "Date", {date.data(), length});
    return answer;
}

/// If-None-Match compares weakly (RFC 9110 §13.1.2). Our tags have no comma in them.
bool has_it_already(std::string_view if_none_match, std::string_view etag) {
    return !for_each_element(if_none_match, [&](std::string_view known) {
        if (known.starts_with("W/")) known.remove_prefix(2);
        return known != etag && known != "*";
    });
}

}  // namespace

std::string switching_protocols(const UpgradeRequest& request, std::string_view subprotocol) {
    std::string answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    add(answer, "Sec-WebSocket-Accept", protocol::websocket::accept_key(request.key));
    if (!subprotocol.empty()) add(answer, "Sec-WebSocket-Protocol", subprotocol);
    answer.append("\r\n");
    return answer;
}

std::string refusal_answer(const Refusal& refusal) {
    auto answer = begin(refusal.status);
    const auto body = refusal.text + "\n";
    // A 426 names its Upgrade header in Connection (RFC 9110 §7.8).
    add(answer, "Connection", refusal.status == 426 ? "close, Upgrade" : "close");
    add(answer, "Content-Type", "text/plain; charset=utf-8");
    add(answer, "Content-Length", std::to_string(body.size()));
    add(answer, "X-Content-Type-Options", "nosniff");
    for (const auto& header : refusal.headers) add(answer, header.name, header.value);
    answer.append("\r\n");
    if (!refusal.omit_body) answer.append(body);
    return answer;
}

Refusal unavailable(RefuseReason reason, std::string text) {
    thread_local unsigned turn = 0;
    Refusal refusal;
    refusal.reason = reason;
    refusal.status = 503;
    refusal.text = std::move(text);
    refusal.headers.push_back({"Retry-After", std::to_string(1 + turn++ % 3)});
    return refusal;
}

FileAnswer file_answer(const FileRequest& request, const StaticFile& file) {
    const bool fresh = has_it_already(request.if_none_match, file.etag);
    FileAnswer answer;
    answer.head = begin(fresh ? 304 : 200);
    if (!request.keep_alive) add(answer.head, "Connection", "close");
    add(answer.head, "ETag", file.etag);
    add(answer.head, "Cache-Control", "no-cache");  // kept, but asked about each time: files change with a restart
    add(answer.head, "X-Content-Type-Options", "nosniff");
    if (!fresh) {
        add(answer.head, "Content-Type", file.type);
        add(answer.head, "Content-Length", std::to_string(file.content.size()));
    }
    answer.head.append("\r\n");
    if (!fresh && !request.is_head) answer.body = file.content;
    return answer;
}

}  // namespace trunkline::proxy
