#include "proxy/http/http_session.hpp"

#include "proxy/http/http_answer.hpp"
#include "proxy/http/http_syntax.hpp"
#include "proxy/log/log_text.hpp"
#include "proxy/log/logging.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace trunkline::proxy {
namespace asio = net::asio;
namespace http = boost::beast::http;
namespace {

using net::IoResult;

constexpr asio::use_awaitable_t<net::Executor> kAwait;
constexpr std::string_view kHeadEnd = "\r\n\r\n";

// How long and how much of a client that was refused is still listened to. Closing on unread bytes is a reset, and a
// reset takes the answer away from a client that has not read it yet.
constexpr std::chrono::milliseconds kLinger{1'000};
constexpr std::size_t kLingerBytes = 64 << 10;

// How long a client that is connected when a drain begins has for its request.
constexpr std::chrono::milliseconds kLastHead{1'000};

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

Refusal bad_request(std::string text) {
    Refusal refusal;
    refusal.text = std::move(text);
    return refusal;
}

Refusal too_large() {
    Refusal refusal;
    refusal.reason = RefuseReason::head_too_large;
    refusal.status = 431;
    refusal.text = "The request head is too large.";
    return refusal;
}

Refusal no_such_file(const FileRequest& request) {
    Refusal refusal;
    refusal.reason = RefuseReason::no_route;
    refusal.status = 404;
    refusal.text = "There is nothing at this path.";
    refusal.omit_body = request.is_head;
    return refusal;
}

}  // namespace

HttpSession::HttpSession(HttpContext& context, net::Gate::Pass pass, net::ByteStream stream, std::string peer_address,
                         ConnectionTicket ticket)
    : context_(context),
      routes_(context.current),
      pass_(std::move(pass)),
      ticket_(std::move(ticket)),
      stream_(std::move(stream)),
      wait_(context.loop),
      peer_address_(std::move(peer_address)) {}

HttpSession::Awaitable<> HttpSession::serve() {
    while (true) {
        const Next next = co_await serve_request();
        if (next == Next::end) co_return;
        co_await let_others_go_first();
        if (is_last_) co_return;
    }
}

HttpSession::Awaitable<> HttpSession::refuse(Refusal refusal) { co_await answer(std::move(refusal)); }

void HttpSession::wind_down() {
    is_last_ = true;
    if (!awaits_head_) return;
    if (had_request_ && unread().empty()) return close();  // between two requests
    set_deadline(kLastHead);
}

void HttpSession::close() {
    wait_.release(stream_);
    stream_.close();
}

void HttpSession::abandon() {
    deadline_.cancel();
    wait_.abandon();
    ticket_ = ConnectionTicket();
    pass_.release();
}

HttpSession::Awaitable<HttpSession::Next> HttpSession::serve_request() {
    shown_target_.clear();
    awaits_head_ = true;
    const Head head = co_await read_head();
    awaits_head_ = false;
    if (head == Head::gone) co_return Next::end;
    if (head == Head::refused) {
        co_await answer(std::move(refusal_));
        co_return Next::end;
    }

    Decision decision = judge_head();
    had_request_ = true;
    if (auto* request = std::get_if<UpgradeRequest>(&decision)) {
        drain();
        if (unread().empty()) {
            hand_over(std::move(*request));
            co_return Next::end;
        }
        // No client may speak WebSocket before our 101. Bytes behind the head were meant for somebody else.
        decision = bad_request("There were bytes behind the request head.");
    }
    if (auto* request = std::get_if<FileRequest>(&decision)) {
        const StaticFile* file = routes_->generation().files[request->route]->find(request->name);
        if (file != nullptr) {
            request->keep_alive = request->keep_alive && !is_last_;
            const FileAnswer found = file_answer(*request, *file);
            const bool written = co_await write(found.head, found.body);
            if (written && request->keep_alive) co_return Next::request;
            if (written) co_await linger();
            co_return Next::end;
        }
        decision = no_such_file(*request);
    }
    co_await answer(std::get<Refusal>(std::move(decision)));
    co_return Next::end;
}

HttpSession::Awaitable<HttpSession::Head> HttpSession::read_head() {
    set_deadline(is_last_ ? std::min(kLastHead, timeouts().request_head) : timeouts().request_head);
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;

    std::size_t searched = 0;
    while (true) {
        // Empty lines before a request are what a sloppy client leaves behind (RFC 9112 §2.2); we want none. What
        // begins with no letter is no HTTP (TLS, mostly) and may never bring the end of a head.
        const std::string_view text = unread();
        if (!text.empty() && !is_token(text.substr(0, 1))) {
            refusal_ = bad_request("This is not HTTP.");
            co_return Head::refused;
        }
        const auto end = text.find(kHeadEnd, searched);
        if (end != std::string_view::npos && end + kHeadEnd.size() <= kMaxRequestHead) {
            head_bytes_ = end + kHeadEnd.size();
            co_return Head::complete;
        }
        if (text.size() >= kMaxRequestHead) {
            refusal_ = too_large();
            co_return Head::refused;
        }
        searched = text.size() - std::min(text.size(), kHeadEnd.size() - 1);

        const std::span<char> room(buffer_.data() + end_, buffer_.size() - end_);
        const auto in = co_await read_some(room);
        if (in.status != IoResult::Status::ok) {
            count_lost_head();
            co_return Head::gone;
        }
        end_ += in.bytes;
    }
}

void HttpSession::count_lost_head() {
    // An idle client that leaves, or is sent away, between two requests was served well.
    if (had_request_ && unread().empty()) return;
    if (timed_out_) {
        context_.counters.refused(RefuseReason::head_timeout).add();
    } else if (!unread().empty()) {  // else somebody only looked whether the port is open
        context_.counters.refused(RefuseReason::client_gone).add();
    }
}

Decision HttpSession::judge_head() {
    const auto text = unread().substr(0, head_bytes_);
    begin_ += head_bytes_;

    http::request_parser<http::empty_body> parser;
    // Who announces a body is refused by the rules, not by the parser. (No limit at all would refuse every body there.)
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    boost::system::error_code error;
    parser.put(asio::buffer(text.data(), text.size()), error);
    if (error == http::error::header_limit) return too_large();
    if (error || !parser.is_header_done()) return bad_request("The request head is malformed.");

    const auto& parsed = parser.get();
    RequestHead head;
    head.method = view(parsed.method_string());
    head.target = view(parsed.target());
    if (is_logged(config::LogLevel::debug)) shown_target_ = redact_target(head.target);
    head.version = parsed.version();
    head.headers.reserve(16);
    for (const auto& field : parsed) head.headers.push_back({view(field.name_string()), view(field.value())});
    routes_ = context_.current;
    return routes_->generation().rules.decide(head);
}

/// Reads what is behind the head already and no event would tell of.
void HttpSession::drain() {
    while (!drained_ && end_ < buffer_.size()) {
        const auto in = stream_.read_some({buffer_.data() + end_, buffer_.size() - end_});
        if (in.status != IoResult::Status::ok) return;  // an end or a failure is met again by whoever reads next
        drained_ = in.drained;
        end_ += in.bytes;
    }
}

void HttpSession::hand_over(UpgradeRequest request) {
    deadline_.cancel();
    wait_.release(stream_);

    Upgraded client;
    client.stream = std::move(stream_);
    client.route = routes_->route(request.route);
    client.request = std::move(request);
    client.peer_address = std::move(peer_address_);
    client.ticket = std::move(ticket_);
    context_.sink.on_upgrade(std::move(client));
}

HttpSession::Awaitable<> HttpSession::answer(Refusal refusal) {
    context_.counters.refused(refusal.reason).add();
    log_debug("client refused",
              {{"reason", to_string(refusal.reason)}, {"target", shown_target_}, {"peer", peer_address_}});
    const std::string bytes = refusal_answer(refusal);
    const bool written = co_await write(bytes, {});
    if (written) co_await linger();
}

HttpSession::Awaitable<bool> HttpSession::write(std::string_view head, std::string_view body) {
    while (true) {
        set_deadline(timeouts().write_progress);
        const std::array<std::string_view, 2> pieces{head, body};
        const auto out = co_await write_some(pieces);
        if (out.status != IoResult::Status::ok) co_return false;

        const std::size_t of_head = std::min(out.bytes, head.size());
        head.remove_prefix(of_head);
        body.remove_prefix(out.bytes - of_head);
        if (head.empty() && body.empty()) co_return true;
        co_await let_others_go_first();
    }
}

HttpSession::Awaitable<> HttpSession::linger() {
    set_deadline(kLinger);
    if (stream_.shutdown_send()) co_return;
    for (std::size_t left = kLingerBytes; left > 0;) {
        const std::span<char> room(buffer_.data(), std::min(buffer_.size(), left));
        const auto in = co_await read_some(room);
        if (in.status != IoResult::Status::ok) co_return;
        left -= in.bytes;
    }
}

// --- The stream ---
//
// `close` may come while a coroutine waits here: a stream that is closed fails, and never would block.

HttpSession::Awaitable<IoResult> HttpSession::read_some(std::span<char> into) {
    while (true) {
        const auto in = stream_.read_some(into);
        drained_ = in.drained;
        if (in.status != IoResult::Status::would_block) co_return in;
        if (watch(in.waits_for)) co_await wait_.until(in.waits_for);
    }
}

HttpSession::Awaitable<IoResult> HttpSession::write_some(std::span<const std::string_view> pieces) {
    while (true) {
        const auto out = stream_.write_some(pieces);
        if (out.status != IoResult::Status::would_block) co_return out;
        if (watch(out.waits_for)) co_await wait_.until(out.waits_for);
    }
}

/// Whether the poller tells of `event`; else the stream was closed.
bool HttpSession::watch(net::IoResult::Wait event) {
    const auto error = wait_.watch(stream_, event);
    if (!error) return true;
    log_warn("a client cannot be watched", {{"error", error.message()}});
    close();
    return false;
}

/// One whose reads and writes never block would keep all others from theirs.
HttpSession::Awaitable<> HttpSession::let_others_go_first() {
    auto executor = context_.loop.executor();
    co_await asio::post(executor, kAwait);
}

void HttpSession::set_deadline(std::chrono::milliseconds after) {
    context_.loop.schedule(deadline_, context_.loop.now() + after);
}

void HttpSession::on_deadline(net::Clock::time_point) {
    timed_out_ = true;
    close();
}

}  // namespace trunkline::proxy
