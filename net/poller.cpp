#include "net/poller.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "net/precise_wait.hpp"

namespace trunkline::net {
namespace {

constexpr std::uint32_t kNone = 0xffffffff;
constexpr std::uint64_t kWatched = ~std::uint64_t{0};  // what `add` gives to nobody

std::uint64_t pack(Poller::Token token) { return std::uint64_t{token.generation} << 32 | token.slot; }
Poller::Token unpack(std::uint64_t data) {
    return {static_cast<std::uint32_t>(data), static_cast<std::uint32_t>(data >> 32)};
}

}  // namespace

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
}

Poller::~Poller() { ::close(epoll_); }

Poller::Token Poller::add(int fd, PollHandler& handler, boost::system::error_code& ec, Watch watch) {
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
    event.events = EPOLLIN | EPOLLRDHUP | static_cast<std::uint32_t>(EPOLLET);
    if (watch == Watch::both) event.events |= EPOLLOUT;
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

void Poller::release(Token token, int fd) noexcept {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    remove(token);
}

void Poller::call(Token token, std::uint32_t events) {
    if (token.slot >= entries_.size() || entries_[token.slot].generation != token.generation) return;
    entries_[token.slot].handler->on_ready(events);
}

void Poller::watch(int epoll, boost::system::error_code& ec) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kWatched;
    ec.clear();
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, epoll, &event) != 0) ec.assign(errno, boost::system::system_category());
}

void Poller::wait(Clock::duration longest) {
    if (!again_.empty()) longest = Clock::duration::zero();
    found_ = std::max(0, precise_wait(epoll_, events_, longest));  // a signal came: nothing is ready
    is_behind_ = found_ == kEventsPerTurn;
    is_watched_ready_ = false;
    for (int i = 0; i < found_; ++i) {
        if (events_[static_cast<std::size_t>(i)].data.u64 == kWatched) is_watched_ready_ = true;
    }
}

bool Poller::dispatch() {
    again_now_.swap(again_);
    const int n = std::exchange(found_, 0);
    for (int i = 0; i < n; ++i) {
        const epoll_event& event = events_[static_cast<std::size_t>(i)];
        if (event.data.u64 != kWatched) call(unpack(event.data.u64), event.events);
    }
    for (const Token token : again_now_) call(token, EPOLLIN);
    again_now_.clear();
    return n == kEventsPerTurn || !again_.empty();
}

}  // namespace trunkline::net
