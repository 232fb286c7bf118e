#include "proxy/http/request_target.hpp"

#include "proxy/http/http_syntax.hpp"
#include "trunkline/protocol/utf8.hpp"

namespace trunkline::proxy {
namespace {

int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    return is_hex_digit(c) ? to_lower(c) - 'a' + 10 : -1;
}

std::optional<std::string> decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (text.size() - i < 3) return std::nullopt;
            const int high = hex_value(text[i + 1]);
            const int low = hex_value(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high << 4 | low);
            if (c == '/' || is_control(c)) return std::nullopt;
            i += 2;
        }
        if (c == '\\') return std::nullopt;
        decoded.push_back(c);
    }
    return decoded;
}

bool has_dot_segment(std::string_view path) {
    while (!path.empty()) {
        path.remove_prefix(1);  // the slash
        const auto segment = path.substr(0, path.find('/'));
        if (segment == "." || segment == "..") return true;
        path.remove_prefix(segment.size());
    }
    return false;
}

}  // namespace

std::optional<RequestTarget> parse_target(std::string_view target) {
    if (!target.starts_with('/')) return std::nullopt;
    for (const char c : target) {
        if (c <= ' ' || c > '~' || c == '#') return std::nullopt;
    }
    const auto question = target.find('?');
    auto path = decode(target.substr(0, question));
    if (!path || has_dot_segment(*path) || !protocol::is_valid_utf8(*path)) return std::nullopt;

    RequestTarget parsed;
    parsed.path = *std::move(path);
    if (question != std::string_view::npos) parsed.query = target.substr(question + 1);
    return parsed;
}

}  // namespace trunkline::proxy
