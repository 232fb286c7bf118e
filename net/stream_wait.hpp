#pragma once

#include "net/byte_stream.hpp"
#include "net/loop.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdint>
#include <optional>

namespace trunkline::net {

/// Where one coroutine waits for one stream, in the poller of its loop. The stream is put there when it has to be
/// waited for and not before. Lives in the coroutine's frame, on the loop.
class StreamWait final : public PollHandler {
  public:
    explicit StreamWait(Loop& loop) noexcept : loop_(loop) {}
    ~StreamWait() override;
    StreamWait(const StreamWait&) = delete;
    StreamWait& operator=(const StreamWait&) = delete;

    /// Has the poller watch `stream` for `event`, if it does not yet. To be called before `until`.
    boost::system::error_code watch(const ByteStream& stream, IoResult::Wait event);

    /// Until the event comes that an `IoResult` waits for, or the stream has failed, or is released. The coroutine goes
    /// on inside of a turn, and tries its read or write again. Only for a stream that would have blocked: an event
    /// tells what is new. One at a time.
    asio::awaitable<void, Executor> until(IoResult::Wait event);

    /// Nobody watches `stream` from now on. Whoever waits for it goes on soon, but not within this call.
    void release(const ByteStream& stream);

    /// For a loop that runs no more: lets go of the coroutine, whose frame goes with the loop's context.
    void abandon();

  private:
    using Continuation = asio::async_result<asio::use_awaitable_t<Executor>, void()>::handler_type;

    void on_ready(std::uint32_t events) override;

    Loop& loop_;
    Poller::Token token_;
    bool is_watched_ = false;
    bool is_watched_for_room_ = false;
    IoResult::Wait event_{};
    std::optional<Continuation> waiting_;
};

}  // namespace trunkline::net
