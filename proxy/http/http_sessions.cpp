#include "proxy/http/http_sessions.hpp"

#include "proxy/log/logging.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>

namespace trunkline::proxy {
namespace asio = net::asio;
namespace {

/// How many clients beyond the limits are answered at a time.
config::LimitSettings limit_of_refusals() {
    config::LimitSettings limits;
    limits.connections = 64;
    return limits;
}

HttpSession::Awaitable<> serve_client(std::unique_ptr<HttpSession> session) { co_await session->serve(); }

HttpSession::Awaitable<> refuse_client(std::unique_ptr<HttpSession> session, Refusal refusal) {
    co_await session->refuse(std::move(refusal));
}

/// The session went with its frame, and its socket with it.
void log_escaped(const std::exception_ptr& escaped) {
    if (!escaped) return;
    try {
        std::rethrow_exception(escaped);
    } catch (const std::exception& error) {
        log_error("an HTTP session failed", {{"error", error.what()}});
    }
}

}  // namespace

HttpSessions::HttpSessions(const HttpContext& context) : context_(context), without_ticket_(limit_of_refusals()) {}

HttpSessions::~HttpSessions() {
    while (!sessions_.empty()) {
        HttpSession& session = sessions_.front();
        sessions_.pop_front();
        session.abandon();
    }
}

void HttpSessions::serve(net::ByteStream stream, std::string peer_address, ConnectionTicket ticket) {
    auto session = make(std::move(stream), std::move(peer_address), std::move(ticket));
    if (!session) return;
    asio::co_spawn(context_.loop.executor(), serve_client(std::move(session)), log_escaped);
}

void HttpSessions::refuse(net::ByteStream stream, Refusal refusal, ConnectionTicket ticket) {
    if (!ticket) {
        auto admitted = without_ticket_.admit({});
        if (std::holds_alternative<RefuseReason>(admitted)) {
            context_.counters.refused(refusal.reason).add();
            return;
        }
        ticket = std::get<ConnectionTicket>(std::move(admitted));
    }
    auto session = make(std::move(stream), {}, std::move(ticket));
    if (!session) return;
    asio::co_spawn(context_.loop.executor(), refuse_client(std::move(session), std::move(refusal)), log_escaped);
}

void HttpSessions::wind_down() {
    is_winding_down_ = true;
    for (auto at = sessions_.begin(); at != sessions_.end();) (at++)->wind_down();
}

void HttpSessions::stop(std::function<void()> on_empty) {
    for (auto& session : sessions_) session.close();
    gate_.close(std::move(on_empty));
}

std::unique_ptr<HttpSession> HttpSessions::make(net::ByteStream stream, std::string peer_address,
                                                ConnectionTicket ticket) {
    auto pass = gate_.enter();
    if (!pass) return nullptr;
    auto session = std::make_unique<HttpSession>(context_, std::move(pass), std::move(stream), std::move(peer_address),
                                                 std::move(ticket));
    sessions_.push_back(*session);
    if (is_winding_down_) session->wind_down();
    return session;
}

}  // namespace trunkline::proxy
