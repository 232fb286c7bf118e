#pragma once

#include "net/byte_stream.hpp"
#include "net/gate.hpp"
#include "net/loop.hpp"
#include "net/stream_wait.hpp"
#include "proxy/http/upgrade_sink.hpp"
#include "proxy/http/worker_routes.hpp"
#include "proxy/metrics/counters.hpp"

#include <boost/intrusive/list.hpp>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace trunkline::proxy {

/// What the HTTP phase of one worker needs; all of it outlives the worker's `HttpSessions`.
struct HttpContext {
    net::Loop& loop;
    const WorkerRoutesPtr& current;  ///< for requests that come now; the worker may replace it
    WorkerCounters& counters;
    UpgradeSink& sink;
};

/// One client's stream while it speaks HTTP. It reads requests until one becomes something else, and ends by handing
/// the stream to the sink or by closing it. Each wait has a deadline on the wheel, which closes the stream. Owned by
/// its coroutine's frame; only the list of its `HttpSessions` knows of it besides.
class HttpSession
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    template <class T = void>
    using Awaitable = net::asio::awaitable<T, net::Executor>;

    HttpSession(HttpContext& context, net::Gate::Pass pass, net::ByteStream stream, std::string peer_address,
                ConnectionTicket ticket);

    /// Reads requests and answers them until there is nothing left to do.
    Awaitable<> serve();
    /// Answers without reading a request, and closes.
    Awaitable<> refuse(Refusal refusal);

    /// Answers what was asked for and ends; a client that has not asked for anything may still do so within a second.
    void wind_down();

    /// Makes all that is awaited fail at once. Any number of times.
    void close();

    /// Gives back what is not its own, because the loop will run no more and its frame only goes with the loop.
    void abandon();

  private:
    enum class Next { request, end };
    enum class Head {
        complete,  // of head_bytes_ bytes
        refused,   // refusal_ says why
        gone,      // the stream ended or was closed; counted
    };

    Awaitable<Next> serve_request();
    Awaitable<Head> read_head();
    Awaitable<> answer(Refusal refusal);
    Awaitable<bool> write(std::string_view head, std::string_view body);
    Awaitable<> linger();
    Awaitable<net::IoResult> read_some(std::span<char> into);
    Awaitable<net::IoResult> write_some(std::span<const std::string_view> pieces);
    Awaitable<> let_others_go_first();

    Decision judge_head();
    void hand_over(UpgradeRequest request);
    bool watch(net::IoResult::Wait event);
    void drain();
    void count_lost_head();
    std::string_view unread() const { return {buffer_.data() + begin_, end_ - begin_}; }

    void set_deadline(std::chrono::milliseconds after);
    void on_deadline(net::Clock::time_point now);

    const config::TimeoutSettings& timeouts() const { return routes_->generation().settings.timeouts; }

    HttpContext& context_;
    WorkerRoutesPtr routes_;  // those that were current when the request under way had come, or else the client
    net::Gate::Pass pass_;
    ConnectionTicket ticket_;
    net::ByteStream stream_;
    net::StreamWait wait_;
    std::string peer_address_;
    net::MemberHook<&HttpSession::on_deadline> deadline_{*this};
    bool timed_out_ = false;
    bool had_request_ = false;
    bool is_last_ = false;  // request: winding down
    bool awaits_head_ = false;
    bool drained_ = false;  // the stream, by its last read

    // The request head and what came behind it: [begin_, end_) of the buffer is not used up yet.
    std::array<char, kMaxRequestHead + 1024> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t head_bytes_ = 0;
    Refusal refusal_;
    std::string shown_target_;  // of the request under way, once its head was read; empty unless refusals are logged
};

}  // namespace trunkline::proxy
