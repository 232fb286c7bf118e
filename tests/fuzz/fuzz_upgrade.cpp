// Any request head, through the rules of the upgrade. The reader below is far laxer than the real one, so that the
// rules see names and values that no HTTP parser would let through.
#include "proxy/http/http_answer.hpp"
#include "proxy/http/upgrade.hpp"

#include <cstdint>
#include <cstdlib>

using namespace trunkline;
using namespace trunkline::proxy;

namespace {

std::vector<config::RouteSettings> make_routes() {
    std::vector<config::RouteSettings> routes(6);
    for (auto& route : routes) route.upstream = "app";
    routes[0].path = "/chat";
    routes[0].subprotocols = {"b", "a"};
    routes[1].path = "/rooms/{room}/{seat}";
    routes[2].path = "/rooms/*";
    routes[2].allow_origins = {"https://example.com", "https://other.example:8443"};
    routes[3].path = "/*";
    routes[3].host = "*.example.com";
    routes[4].path = "/any";
    routes[4].allow_origins = {"*"};
    routes[5].path = "/*";
    routes[5].upstream.clear();
    routes[5].files = "/nowhere";
    return routes;
}

std::string_view take_until(std::string_view& text, char end) {
    const auto part = text.substr(0, text.find(end));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return part;
}

void require(bool holds) {
    if (!holds) std::abort();
}

void check_answer(std::string_view answer) {
    require(answer.starts_with("HTTP/1.1 "));
    require(answer.find("\r\n\r\n") != std::string_view::npos);
    require(answer.find('\0') == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const UpgradeRules rules(make_routes());
    std::string_view text(reinterpret_cast<const char*>(data), size);

    RequestHead head;
    auto line = take_until(text, '\n');
    head.method = take_until(line, ' ');
    head.target = take_until(line, ' ');
    head.version = line == "0" ? 10 : 11;
    while (!text.empty()) {
        auto value = take_until(text, '\n');
        const auto name = take_until(value, ':');
        head.headers.push_back({name, value});
    }

    const auto decision = rules.decide(head);
    if (const auto* request = std::get_if<UpgradeRequest>(&decision)) {
        require(head.method == "GET" && head.version == 11);
        require(request->path.starts_with('/') && (request->path + "/").find("/../") == std::string::npos);
        require(request->path.find('\0') == std::string::npos);
        for (const auto& header : request->headers) {
            require(!header.name.empty() && header.name.find_first_of("\r\n: ") == std::string::npos);
            require(header.value.find_first_of("\r\n") == std::string::npos);
        }
        check_answer(switching_protocols(*request, request->subprotocol));
    } else if (const auto* refusal = std::get_if<Refusal>(&decision)) {
        require(refusal->status >= 400 && refusal->status < 500);
        check_answer(refusal_answer(*refusal));
    } else {
        require(("/" + std::get<FileRequest>(decision).name + "/").find("/../") == std::string::npos);
    }
    return 0;
}
