#include "net/poller.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace trunkline::net {
namespace {

constexpr std::uint32_t kNone = 0xffffffff;

std::uint64_t pack(Poller::Token token) { return std::uint64_t{token.generation} << 32 | token.slot; }
Poller::Token unpack(std::uint64_t data) {
    return {static_cast<std::uint32_t>(data), static_cast<std::uint32_t>(data >> 32)};
}

}  // namespace

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
}

Poller::~Poller() { ::close(epoll_); }

Poller::Token Poller::add(int fd, PollHandler& handler, boost::system::error_code& ec) {
    std::uint32_t slot = first_free_;
    if (slot == kNone) {
        slot = static_cast<std::uint32_t>(entries_.size());
        entries_.emplace_back();
    } else {
        first_free_ = entries_[slot].next_free;
    }
    Entry& entry = entries_[slot];
    entry.handler = &handler;
    const Token token{slot, entry.generation};

    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | static_cast<std::uint32_t>(EPOLLET);
    event.data.u64 = pack(token);
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
        ec.assign(errno, boost::system::system_category());
        remove(token);
        return {};
    }
    ec.clear();
    return token;
}

void Poller::remove(Token token) noexcept {
    if (token.slot >= entries_.size() || entries_[token.slot].generation != token.generation) return;
    Entry& entry = entries_[token.slot];
    entry.handler = nullptr;
    ++entry.generation;
    entry.next_free = first_free_;
    first_free_ = token.slot;
}

void Poller::call(Token token, std::uint32_t events) {
    if (token.slot >= entries_.size() || entries_[token.slot].generation != token.generation) return;
    entries_[token.slot].handler->on_ready(events);
}

bool Poller::dispatch() {
    again_now_.swap(again_);

    epoll_event events[kEventsPerTurn];
    const int n = ::epoll_wait(epoll_, events, kEventsPerTurn, 0);
    for (int i = 0; i < n; ++i) call(unpack(events[i].data.u64), events[i].events);

    for (const Token token : again_now_) call(token, EPOLLIN);
    again_now_.clear();
    return n == kEventsPerTurn || !again_.empty();
}

}  // namespace trunkline::net
