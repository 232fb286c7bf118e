#include "net/stream_wait.hpp"

#include <sys/epoll.h>

#include <utility>

namespace trunkline::net {

StreamWait::~StreamWait() {
    if (is_watched_) loop_.poller().remove(token_);
}

boost::system::error_code StreamWait::watch(const ByteStream& stream, IoResult::Wait event) {
    boost::system::error_code error;
    const bool for_room = event == IoResult::Wait::writable;
    if (is_watched_ && (is_watched_for_room_ || !for_room)) return error;
    release(stream);
    const auto watch = for_room ? Poller::Watch::both : Poller::Watch::input;
    token_ = loop_.poller().add(stream.descriptor(), *this, error, watch);
    is_watched_ = !error;
    is_watched_for_room_ = for_room;
    return error;
}

asio::awaitable<void, Executor> StreamWait::until(IoResult::Wait event) {
    event_ = event;
    auto keep = [this](Continuation continuation) { waiting_.emplace(std::move(continuation)); };
    asio::use_awaitable_t<Executor> token;
    return asio::async_initiate<asio::use_awaitable_t<Executor>, void()>(keep, token);
}

void StreamWait::release(const ByteStream& stream) {
    if (is_watched_) loop_.poller().release(token_, stream.descriptor());
    is_watched_ = false;
    if (!waiting_) return;
    loop_.post([continuation = std::move(*waiting_)]() mutable { continuation(); });
    waiting_.reset();
}

void StreamWait::abandon() {
    if (is_watched_) loop_.poller().remove(token_);
    is_watched_ = false;
    waiting_.reset();
}

void StreamWait::on_ready(std::uint32_t events) {
    const auto wanted = event_ == IoResult::Wait::readable ? EPOLLIN | EPOLLRDHUP : EPOLLOUT;
    if (!waiting_ || (events & static_cast<std::uint32_t>(wanted | EPOLLHUP | EPOLLERR)) == 0) return;
    auto continuation = std::move(*waiting_);
    waiting_.reset();
    continuation();  // the last thing: it may destroy us
}

}  // namespace trunkline::net
