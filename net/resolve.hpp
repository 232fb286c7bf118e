#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "net/asio.hpp"
#include "net/endpoint.hpp"

namespace trunkline::net {

/// `endpoint` itself if it needs no look-up, 127.0.0.1 for `localhost`, else nothing.
std::optional<Endpoint> resolve_without_lookup(const Endpoint& endpoint);

/// Numeric endpoints, sorted, each once.
std::vector<Endpoint> to_endpoints(const Resolver::results_type& results);

/// Completes on the loop of `executor` with `(error_code, std::vector<Endpoint>)`: every address of the name, numeric,
/// sorted, at least one unless there is an error. Numeric endpoints, Unix sockets and `localhost` are not looked up.
/// Looking up runs on Asio's own thread, one name after the other for each io_context; it cannot be cancelled, and
/// destroying the io_context waits for the one that is running.
template <class CompletionToken>
auto async_resolve(Executor executor, Endpoint endpoint, CompletionToken&& token) {
    using Error = boost::system::error_code;
    return asio::async_initiate<CompletionToken, void(Error, std::vector<Endpoint>)>(
        [](auto handler, Executor ex, Endpoint wanted) {
            if (auto known = resolve_without_lookup(wanted)) {
                asio::post(ex, [handler = std::move(handler), known = std::move(*known)]() mutable {
                    std::vector<Endpoint> result;
                    result.push_back(std::move(known));
                    std::move(handler)(Error(), std::move(result));
                });
                return;
            }
            auto resolver = std::make_shared<Resolver>(ex);
            const auto port = std::to_string(wanted.port);
            const auto flags = Resolver::numeric_service | Resolver::address_configured;
            Resolver& started = *resolver;  // the handler takes the pointer before the call is made
            started.async_resolve(wanted.host, port, flags,
                                  [handler = std::move(handler), resolver = std::move(resolver)](
                                      Error error, const Resolver::results_type& results) mutable {
                                      std::move(handler)(error, to_endpoints(results));
                                  });
        },
        token, executor, std::move(endpoint));
}

}  // namespace trunkline::net
